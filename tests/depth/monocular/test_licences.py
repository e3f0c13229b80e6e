import pytest

from depthda.depth.monocular.licences import licence_of


@pytest.mark.parametrize(
    'weights, said',
    [
        ('depth-anything/Depth-Anything-V2-Small-hf', 'Apache-2.0'),
        ('depth-anything/Depth-Anything-V2-Large-hf', 'CC-BY-NC-4.0: not for commercial use'),
        ('LiheYoung/depth-anything-large-hf', 'Apache-2.0'),
        ('somebody/something', 'unknown: see its model card'),
    ],
)
def test_published_weights(weights, said):
    assert licence_of(weights) == said


@pytest.mark.parametrize(
    'card, said',
    [
        (None, 'unknown: see where you got it'),
        (
            '---\nlibrary: x\nlicense: cc-by-nc-4.0\ntags:\n- y\n---\n# Model',
            'cc-by-nc-4.0, as its',
        ),
        ('# Model\n---\nlicense: mit\n---\n', 'unknown'),
        ('---\ntags: y\n---\nlicense: mit\n---\n', 'unknown'),
    ],
)
def test_a_folder_says_it_in_its_model_card(tmp_path, card, said):
    if card is not None:
        (tmp_path / 'README.md').write_text(card)
    assert licence_of(str(tmp_path)).startswith(said)
