import pytest

from depthda.evaluation import submission_target


@pytest.fixture
def small_loveda(monkeypatch):
    """Reduce LoveDA's test images to four and three of 16 × 16, to save time."""
    numbers = {'Rural': (4191, 4194), 'Urban': (5167, 5169)}
    monkeypatch.setattr(submission_target, '_NUMBERS', numbers)
    monkeypatch.setattr(submission_target, '_SIZE', (16, 16))
