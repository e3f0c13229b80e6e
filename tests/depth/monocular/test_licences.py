import pytest

from depthda.depth.monocular.licences import licence_of


@pytest.mark.parametrize(
    'weights, licence',
    [
        ('depth-anything/Depth-Anything-V2-Small-hf', 'Apache-2.0'),
        ('depth-anything/Depth-Anything-V2-Large-hf', 'CC-BY-NC-4.0: not for commercial use'),
        ('LiheYoung/depth-anything-large-hf', 'Apache-2.0'),
        ('some-lab/some-model', 'unknown: see its model card'),
    ],
)
def test_published_weights(weights, licence):
    assert licence_of(weights) == licence


@pytest.mark.parametrize(
    'card, licence',
    [
        (None, 'unknown: see the source of the weights'),
        (
            '---\nlibrary: x\nlicense: cc-by-nc-4.0\ntags:\n- y\n---\n# Model',
            'cc-by-nc-4.0, as its',
        ),
        ('# Model\n---\nlicense: mit\n---\n', 'unknown'),
        ('---\ntags: y\n---\nlicense: mit\n---\n', 'unknown'),
    ],
)
def test_a_folder_names_it_in_its_model_card(tmp_path, card, licence):
    if card is not None:
        (tmp_path / 'README.md').write_text(card)
    assert licence_of(str(tmp_path)).startswith(licence)
