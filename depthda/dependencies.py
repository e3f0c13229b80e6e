"""Check at import that no library is missing, too old, or installed in two distributions."""

from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

# The maintained distributions have the same import names as the originals. If both are installed,
# the files of one overwrite those of the other.
_ORIGINALS = {
    'onedl-mmcv': ('mmcv', 'mmcv-lite', 'mmcv-full'),
    'onedl-mmengine': ('mmengine', 'mmengine-lite'),
    'onedl-mmsegmentation': ('mmsegmentation',),
}
# Builds of OpenCV; any of them satisfies the requirement.
_KINDS = ('python', 'python-headless', 'contrib-python', 'contrib-python-headless')
_BUILDS = {'opencv-python': [f'opencv-{kind}' for kind in _KINDS]}


def check_dependencies() -> None:
    """Raise ``ImportError``, with the command that fixes it, if the environment is broken.

    Version bounds are read from the metadata of the installed package, so that they are written
    only in ``pyproject.toml``. If the package is not installed, no version is checked, and only
    distributions that overwrite each other are refused.
    """
    try:
        declared = requires('depthda') or []
    except PackageNotFoundError:
        declared = []
    faults = [fault for line in declared if (fault := _fault(Requirement(line)))]
    if faults:
        raise ImportError(
            f'depthda cannot run here: {"; ".join(faults)}. '
            "Fix it with: pip install -c constraints.txt -e '.[dev]' (in the project folder)."
        )
    for maintained, originals in _ORIGINALS.items():
        for original in originals:
            if _installed(original) and _installed(maintained):
                raise ImportError(
                    f'{original} {_installed(original)} and {maintained} '
                    f'{_installed(maintained)} are both installed and overwrite each other (same '
                    f'import name). Fix it with: pip uninstall -y {original} && pip install '
                    f'--force-reinstall --no-deps -c constraints.txt {maintained}'
                )


def _fault(requirement: Requirement) -> str | None:
    if requirement.marker and not requirement.marker.evaluate({'extra': ''}):
        return None
    installed = installed_version(requirement.name)
    if installed is None:
        return f'{requirement.name} is not installed'
    # A local build such as 2.13.0+cpu satisfies the bounds of its release.
    if not requirement.specifier.contains(installed, prereleases=True):
        return f'{requirement.name} {installed} does not satisfy {requirement.specifier}'
    return None


def installed_version(name: str) -> str | None:
    """Return the version of a distribution, or of another build of it; None without any."""
    versions = (_installed(build) for build in _BUILDS.get(name, [name]))
    return next(filter(None, versions), None)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
