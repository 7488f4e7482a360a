"""The augmentation of published systems in words: what the paper says, what was chosen, and the ranges themselves."""

from __future__ import annotations

from collections.abc import Iterator

from .options import SETS
from .preview import describe_ranges

_SAYS = {
    "ahmad": "Affine transformations (rotation, scaling, translation), elastic deformations and changes of intensity, "
    "without any number.",
    "li": "Rotation up to 10 percent, shifts and zoom up to 5 percent, and shear without a number.",
}
_CHOSEN = {
    "ahmad": "The defaults of TorchIO, which the paper uses: 10 degrees, each axis scaled by 0.9 to 1.1, 7 elastic "
    "control points an axis of which the outer two are locked, displaced by 7.5 mm (taken as pixels), and a gamma "
    "whose logarithm is 0.3 at most. Translation is 0 there by default: 5 % stand in.",
    "li": "10 degrees, since neither a tenth of a degree nor of a turn is a small rotation of that kind; shear as the "
    "5 % of the others. What lies outside a slice mirrors it.",
}


def describe_augmentation(name: str) -> Iterator[tuple[str, str]]:
    """Headings and what stands under each; nothing for a system that names no augmentation.

    Args:
        name: of a published system, and so of its set of ranges.
    """
    if name not in _SAYS:
        return
    yield "The paper says of augmentation", _SAYS[name]
    yield "Chosen where it says nothing of it", _CHOSEN[name]
    yield "Ranges in training", f"{describe_ranges(SETS[name])}."
