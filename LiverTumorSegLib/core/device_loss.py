"""Whether this process has lost a GPU: it knows nothing of PyTorch, so that whoever has not loaded it yet can ask.

After an error that CUDA calls sticky, such as a failed assertion on the GPU, every later call of the process fails with
it, and another process alone can use the GPU again (NVIDIA, CUDA C++ Programming Guide, error checking).
"""

from __future__ import annotations

_LOST: set[str] = set()


def mark_lost(device: str) -> None:
    """Remember a GPU that answers nothing more to this process."""
    _LOST.add(device)


def has_lost_device() -> bool:
    """Whether there is one, so that the work is better gone on with in another process."""
    return bool(_LOST)


def is_lost(device: str) -> bool:
    """Whether it is this one, by the name that it was marked with."""
    return device in _LOST


def forget_losses() -> None:
    """Forget them all, which is for tests: a process cannot win a GPU back."""
    _LOST.clear()
