"""Operations that PyTorch is asked for, counted: what a device would be told and sent."""

from collections import Counter

from torch.utils._python_dispatch import TorchDispatchMode


class Counting(TorchDispatchMode):
    """Counts operations by name; those that bring a tensor to a device by ``upload``."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        moves = name == "_to_copy" and (kwargs or {}).get("device") is not None
        self.seen["upload" if moves else name] += 1
        return func(*args, **(kwargs or {}))
