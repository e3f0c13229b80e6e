"""Pack the results of finished runs of tables, and the pretrained encoders that they start from.

    python docs/scripts/pack_runs.py work_dirs/tables docs/tables TABLE...
    unzip 'docs/tables/*.zip' -d work_dirs/tables

After the second command, `run-experiments` prints the tables without training, and does only the
runs that are missing. `runs.zip` has the scores of each run, without predictions and checkpoints;
`encoders.zip` has the pretrained weights, which do not change when further runs are added.
"""

import io
import sys
import zipfile
from pathlib import Path

import torch

PRETRAINING = 'pretraining'


def main(folder: str, out: str, *tables: str) -> None:
    """Write ``result.json`` of each run of the tables, and the encoders of all pretrainings."""
    root = Path(folder)
    runs = [path for table in tables for path in root.glob(f'{table}/*/*/result.json')]
    with zipfile.ZipFile(Path(out) / 'runs.zip', 'w') as packed:
        for path in sorted(runs):
            write(packed, path.relative_to(root), path.read_bytes())
    with zipfile.ZipFile(Path(out) / 'encoders.zip', 'w') as packed:
        for path in sorted(root.glob(f'{PRETRAINING}/*/*/result.json')):
            write(packed, path.relative_to(root), path.read_bytes())
            checkpoint = max(path.parent.glob('iter_*.pth'), key=lambda p: p.stat().st_mtime)
            write(packed, checkpoint.relative_to(root), encoder(checkpoint))
    print(f'{out}: {len(runs)} runs')


def encoder(checkpoint: Path) -> bytes:
    """Return a checkpoint with the weights of the encoder only."""
    weights = torch.load(checkpoint, weights_only=True, map_location='cpu')['state_dict']
    kept = {key: value for key, value in weights.items() if key.startswith('backbone.')}
    buffer = io.BytesIO()
    torch.save({'state_dict': kept}, buffer)
    return buffer.getvalue()


def write(packed: zipfile.ZipFile, name: Path, content: bytes) -> None:
    """Write a file with a fixed date, so that equal content gives equal bytes."""
    entry = zipfile.ZipInfo(name.as_posix(), (2026, 1, 1, 0, 0, 0))
    packed.writestr(entry, content, zipfile.ZIP_DEFLATED)


if __name__ == '__main__':
    main(*sys.argv[1:])
