"""The device memory that the living tensors of a program take."""

import weakref

from torch import Tensor

_BLOCK = 512  # bytes; the CUDA allocator rounds sizes up to multiples of it


class Memory:
    """Count the bytes of storages on the device, and remember the highest number."""

    def __init__(self) -> None:
        self.live = self.peak = 0
        self._known: dict[int, int] = {}

    def add(self, tensor: Tensor) -> None:
        """Count the storage of a tensor on the device until it is freed."""
        if tensor.device.type != 'cuda':
            return
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = -(-storage.nbytes() // _BLOCK) * _BLOCK
        self._known[key] = size
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._remove, key)

    def _remove(self, key: int) -> None:
        self.live -= self._known.pop(key, 0)
