from importlib.metadata import PackageNotFoundError

import pytest

from depthda import dependencies
from depthda.provenance import versions


@pytest.fixture
def environment(monkeypatch):
    """Return a function that simulates installed versions; None means not installed."""

    def pretend(**installed: str | None):
        real = dependencies.version
        installed = {name.replace('_', '-'): version for name, version in installed.items()}

        def version(name: str) -> str:
            if name not in installed:
                return real(name)
            if installed[name] is None:
                raise PackageNotFoundError(name)
            return installed[name]

        monkeypatch.setattr(dependencies, 'version', version)

    return pretend


def test_this_environment_passes_and_a_local_build_counts_as_its_release(environment):
    dependencies.check_dependencies()
    environment(torch='2.13.0+cu130')
    dependencies.check_dependencies()


ORIGINALS = ('mmcv', 'mmcv_lite', 'mmengine', 'mmsegmentation')


@pytest.mark.parametrize(
    'installed, message',
    [
        # A missing library with the command that installs it, and old ones with the bound.
        (dict(rasterio=None), 'rasterio is not installed.*pip install -c'),
        (
            dict(transformers='4.40.0', numpy='1.26.4'),
            r'(?=.*transformers 4\.40\.0 does not satisfy >=5).*numpy 1\.26\.4',
        ),
        *(
            ({name: '1.0.0'}, f'installed and overwrite.*pip uninstall -y {name.replace("_", "-")}')
            for name in ORIGINALS  # next to the maintained ones
        ),
    ],
)
def test_a_library_that_does_not_fit_is_named_in_one_line(environment, installed, message):
    environment(**installed)
    with pytest.raises(ImportError, match=message) as error:
        dependencies.check_dependencies()
    assert len(str(error.value).splitlines()) == 1


BUILDS = ('opencv_python_headless', 'opencv_contrib_python', 'opencv_contrib_python_headless')


@pytest.mark.parametrize('build', BUILDS)
def test_any_build_of_opencv_is_accepted(environment, build):
    environment(**{'opencv_python': None, build: '4.12.0.88'})
    dependencies.check_dependencies()
    assert versions()['opencv-python'] == '4.12.0.88'
    for version, fault in (('4.5.0', '4.5.0 does not satisfy >=4.12'), (None, 'is not installed')):
        environment(**{'opencv_python': None, build: version})
        with pytest.raises(ImportError, match=f'opencv-python {fault}'):
            dependencies.check_dependencies()
