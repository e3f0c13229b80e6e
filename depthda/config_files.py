"""Find the configs that come with the package: inside it in a wheel, next to it in a checkout."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path


def config_folder() -> Path:
    package = Path(__file__).parent
    installed = package / 'configs'
    return installed if installed.is_dir() else package.parent / 'configs'


def find_config(name: str | Path) -> Path:
    """Return the path of a config file, which may be given by the name of a packaged config.

    An existing file has priority. Otherwise a name such as ``sample/upernet_tiny_u2r`` is looked up
    among the packaged configs, with or without ``.py`` and ``configs/``. A name without a folder is
    looked up in all folders of the packaged configs, and must be in only one. If nothing is found,
    ``name`` is returned, and reading it will raise an error.
    """
    path = Path(name)
    if path.is_file() or path.is_absolute():
        return path
    parts = path.parts[1:] if path.parts[:1] == ('configs',) else path.parts
    packaged = config_folder().joinpath(*parts)
    for file in (packaged, packaged.with_name(f'{packaged.name}.py')):
        if parts and file.is_file():
            return file
    pattern = f'*/{path.name.removesuffix(".py")}.py'
    matches = list(config_folder().glob(pattern)) if len(parts) == 1 else []
    return matches[0] if len(matches) == 1 else path


def described_configs() -> Iterator[tuple[str, str]]:
    """Yield the name of each config and table, with the first sentence of its leading comment."""
    folder = config_folder()
    for path in sorted(folder.rglob('*.py')):
        name = path.relative_to(folder)
        if len(name.parts) > 1 and '_base_' not in name.parts:
            yield str(name.with_suffix('')), _description(path)


def _description(path: Path) -> str:
    lines = []
    for line in path.read_text(encoding='utf-8').splitlines():
        if not line.startswith('# '):
            break
        if not line.startswith(('# ablates:', '# of:')):  # these lines are read by a test
            lines.append(line[2:])
    sentence = re.split(r'(?<=\.) (?=[A-Z])', ' '.join(lines), maxsplit=1)[0]
    return textwrap.shorten(sentence, 100, placeholder=' …')
