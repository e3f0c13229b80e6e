from importlib.metadata import PackageNotFoundError

import pytest

from depthda import dependencies
from depthda.provenance import versions


@pytest.fixture
def environment(monkeypatch):
    """Return a function that simulates installed versions; None means not installed."""

    def pretend(**found: str | None):
        real = dependencies.version
        found = {name.replace('_', '-'): version for name, version in found.items()}

        def version(name: str) -> str:
            if name not in found:
                return real(name)
            if found[name] is None:
                raise PackageNotFoundError(name)
            return found[name]

        monkeypatch.setattr(dependencies, 'version', version)

    return pretend


def test_the_present_environment_is_accepted():
    dependencies.check_dependencies()


def test_a_missing_library_is_named_with_the_command_that_installs_it(environment):
    environment(rasterio=None)
    with pytest.raises(ImportError, match='rasterio is not installed.*pip install -c') as error:
        dependencies.check_dependencies()
    assert len(str(error.value).splitlines()) == 1


def test_an_old_library_is_named_with_the_bound(environment):
    environment(transformers='4.40.0', numpy='1.26.4')
    with pytest.raises(ImportError, match=r'transformers 4\.40\.0 does not satisfy >=5') as error:
        dependencies.check_dependencies()
    assert 'numpy 1.26.4' in str(error.value)


def test_a_local_build_counts_as_its_release(environment):
    environment(torch='2.13.0+cu130')
    dependencies.check_dependencies()


@pytest.mark.parametrize(
    'build',
    ['opencv_python_headless', 'opencv_contrib_python', 'opencv_contrib_python_headless'],
)
def test_any_build_of_opencv_is_accepted(environment, build):
    environment(**{'opencv_python': None, build: '4.12.0.88'})
    dependencies.check_dependencies()
    assert versions()['opencv-python'] == '4.12.0.88'
    environment(**{'opencv_python': None, build: '4.5.0'})
    with pytest.raises(ImportError, match='opencv-python 4.5.0 does not satisfy >=4.12'):
        dependencies.check_dependencies()
    environment(**{'opencv_python': None, build: None})
    with pytest.raises(ImportError, match='opencv-python is not installed'):
        dependencies.check_dependencies()


@pytest.mark.parametrize('original', ['mmcv', 'mmcv_lite', 'mmengine', 'mmsegmentation'])
def test_original_libraries_beside_the_maintained_ones_are_refused(environment, original):
    environment(**{original: '1.0.0'})
    with pytest.raises(ImportError, match='are both installed and overwrite') as error:
        dependencies.check_dependencies()
    assert f'pip uninstall -y {original.replace("_", "-")}' in str(error.value)
