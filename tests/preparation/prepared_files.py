"""Read what preparation has written."""

import cv2


def read(path):
    """Read a picture as it is stored, with channels in RGB order."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return picture[..., ::-1] if picture.ndim == 3 else picture


def every_file(root):
    """Return the content of every file below ``root``, including hidden ones."""
    paths = (path for path in sorted(root.rglob('*')) if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def pictures(root):
    """Return the content of every PNG below ``root``."""
    return {name: content for name, content in every_file(root).items() if name.endswith('.png')}
