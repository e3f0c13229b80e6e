"""Import every module that registers something; the list a newcomer reads first."""

import contextlib
import io
import warnings

from depthda.yapf_cache import import_yapf


def register_all() -> None:
    """Fill mmseg's registries with this package, after mmseg has filled them with its own."""
    import_yapf()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        # mmseg mentions an optional service, and mmcv the compiled ops that nothing here needs.
        warnings.simplefilter('ignore', UserWarning)
        import mmseg.datasets  # noqa: F401
        import mmseg.models  # noqa: F401

    import depthda.datasets  # noqa: F401
    import depthda.engine  # noqa: F401
    import depthda.evaluation  # noqa: F401
    import depthda.models  # noqa: F401
    from depthda.checkpoints import loading as checkpoints
    from depthda.inference import images

    checkpoints.install()
    images.install()
