"""Let a CPU build of PyTorch create fake CUDA tensors. A CUDA build can do that as it is."""

import ctypes
import hashlib
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from depthda.errors import UserError

_SOURCE = Path(__file__).with_suffix('.cpp')


def load_stubs() -> None:
    """Load a library of stubs if PyTorch is a CPU build. PyTorch must not be imported before."""
    root = Path(find_spec('torch').origin).parent
    if (root / 'lib/libtorch_cuda.so').exists():
        return
    if 'torch' in sys.modules:
        raise RuntimeError('load_stubs must be called before PyTorch is imported')
    for library in (root / 'lib/libc10.so', root / 'lib/libtorch_cpu.so', _compiled(root)):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def _compiled(root: Path) -> Path:
    """Return the library of stubs, which is compiled once for each version of PyTorch."""
    from platformdirs import user_cache_dir

    from depthda.io.files import atomic_path

    build = version('torch')
    name = hashlib.sha256(_SOURCE.read_bytes() + build.encode()).hexdigest()[:16]
    library = Path(user_cache_dir('depthda')) / f'fake_cuda_{name}.so'
    if library.is_file():
        return library
    compiler = shutil.which('g++') or shutil.which('clang++')
    advice = 'use a machine with a CUDA build of PyTorch (no GPU is needed)'
    if compiler is None:
        raise UserError(
            f'PyTorch {build} is a CPU build, for which depthda cost compiles a small library, but '
            f'there is no C++ compiler: install g++, or {advice}.'
        )
    with atomic_path(library) as temporary:
        command = [
            compiler, '-O1', '-fPIC', '-shared', '-std=c++20', f'-I{root}/include', str(_SOURCE),
            '-o', str(temporary), f'-L{root}/lib', '-lc10', '-ltorch_cpu',
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            errors = [line for line in result.stderr.splitlines() if 'error' in line]
            raise UserError(
                f'{compiler} cannot compile {_SOURCE} for PyTorch {build} '
                f'({(errors or [result.stderr[-200:]])[0]}): {advice}.'
            )
    return library
