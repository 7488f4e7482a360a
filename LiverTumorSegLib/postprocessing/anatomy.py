"""Doubts about what labels show of the anatomy: a liver or lesions cut off, parts outside the liver, an odd volume.

All of it is told from labels, so it is told anew whenever they are measured, also after a correction by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.labels import LIVER_LABEL

CUT_SHARE = 0.4
"""Share of its largest slice that a whole liver does not reach at either end of a CT.

Where LiTS's stacks were cut to the slices with liver, the last ones have up to 0.33 of it, at slices of 5 mm.
"""

ADULT_ML = (590.0, 3000.0)
"""Volumes between which adults' livers lie, the upper one without lesions, which may weigh more than the liver itself.

The lower is the smallest of 369 adults in CT, 593.8 ml (Feng et al. 2017, World J Gastroenterol 23:4968-4977,
abstract). The upper is the mean and three standard deviations of 1111 volunteers with fatty livers in MRI, 1717 ± 419
ml (Kromrey et al. 2018, Eur J Radiol 106:32-37, abstract). The formula of Vauthey et al. (2002), -794 + 1267 ml a m² of
body surface, gives 600 to 2374 ml for 1.1 to 2.5 m². Whole livers of LiTS with their true spacing have 1142 to 3147 ml,
and without their lesions up to 2159.
"""

LARGEST_LIVER_ML = 10_000.0
"""More than the largest livers, those full of cysts."""

_APART_ML = 5.0
"""Liver that touches the rest nowhere; experts' labels of LiTS have up to 0.96 ml of it."""

_LISTED = 5
_TOUCHING = np.ones((3, 3, 3), bool)
_REACHES = "The liver is not whole in this CT: it reaches the {end} slice, so its volume and the burden are not known."
NOT_WHOLE = {end: _REACHES.format(end=end) for end in ("lowest", "highest")}


def describe_anatomy(
    labels: NDArray[np.uint8],
    numbers: NDArray[np.integer],
    voxel_ml: float,
    *,
    ends: tuple[bool, bool] = (True, True),
    region: bool = False,
) -> Iterator[str]:
    """What a reader should know of the anatomy that labels show, a sentence each; nothing where nothing is labelled.

    Args:
        labels: ``[slice, row, column]`` from the feet up, perhaps without slices, rows and columns that have none:
            0 background, 1 liver, 2 lesion.
        numbers: of the lesion that a voxel belongs to, from 1 on; 0 elsewhere.
        voxel_ml: volume of a voxel.
        ends: whether the first and the last slice are the CT's own.
        region: a region was segmented, so that the liver's volume and its ends are the region's.
    """
    has_liver = bool((labels == LIVER_LABEL).any())
    cut = _cut_ends(labels, ends)
    if has_liver and not region:
        yield from (NOT_WHOLE[end] for end in cut)
    yield from _cut_lesions(numbers, cut)
    if has_liver:
        yield from _outside(labels, numbers, voxel_ml, whole=not (cut or region))
        yield from _odd_volume(labels, voxel_ml, whole=not (cut or region))


def _cut_ends(labels: NDArray[np.uint8], ends: tuple[bool, bool]) -> list[str]:
    areas = np.count_nonzero(labels, axis=(1, 2))
    most = areas.max(initial=0)
    last = zip(NOT_WHOLE, ends, (areas[0], areas[-1]), strict=True) if most else ()
    return [end for end, is_the_cts, area in last if is_the_cts and area >= CUT_SHARE * most]


def _cut_lesions(numbers: NDArray[np.integer], cut: Sequence[str]) -> Iterator[str]:
    """Lesions in slices where the liver goes on beyond the CT; where it ends, a lesion does."""
    last = {"lowest": numbers[0], "highest": numbers[-1]}
    reaching = sorted({number for end in cut for number in np.unique(last[end]).tolist() if number})
    if reaching:
        yield (
            f"{_lesions(reaching)} {'reaches' if len(reaching) == 1 else 'reach'} the end of this CT: what is measured "
            "is the part that it shows."
        )


def _outside(labels: NDArray[np.uint8], numbers: NDArray[np.integer], voxel_ml: float, *, whole: bool) -> Iterator[str]:
    """Lesions that do not hang together with liver, not even by a corner of a voxel, and liver apart from the rest."""
    parts, count = ndimage.label(labels > 0, _TOUCHING)
    if count == 1:
        return
    liver = np.bincount(parts[labels == LIVER_LABEL], minlength=count + 1)
    part_of = np.zeros(int(numbers.max()) + 1, np.intp)
    marked = numbers > 0
    part_of[numbers[marked]] = parts[marked]
    outside = [int(number) for number in np.flatnonzero(part_of) if not liver[part_of[number]]]
    if outside:
        one = len(outside) == 1
        yield (
            f"{_lesions(outside)} {'lies' if one else 'lie'} outside the liver: check whether "
            f"{'it was' if one else 'they were'} marked there by mistake."
        )
    apart = (liver.sum() - liver.max()) * voxel_ml
    if whole and apart >= _APART_ML:
        yield f"{apart:.0f} ml of liver do not touch the rest of it: check whether they were marked by mistake."


def _odd_volume(labels: NDArray[np.uint8], voxel_ml: float, *, whole: bool) -> Iterator[str]:
    least, most = ADULT_ML
    all_ml = np.count_nonzero(labels) * voxel_ml
    liver_ml = np.count_nonzero(labels == LIVER_LABEL) * voxel_ml
    if whole and all_ml < least:
        yield (
            f"The liver has {all_ml:.0f} ml, and adults' at least {least:.0f}: unless the patient is a child or part "
            "of the liver was removed, it was not marked as a whole, or the spacing in the file is false."
        )
    if most < liver_ml and all_ml <= LARGEST_LIVER_ML:
        yield (
            f"The liver has {liver_ml:.0f} ml without its lesions, and adults' rarely more than {most:.0f}: unless it "
            "is enlarged, more than the liver was marked, or the spacing in the file is false."
        )


def _lesions(numbers: Sequence[int]) -> str:
    """Their names, at most five of them."""
    shown = [str(number) for number in numbers[:_LISTED]]
    if len(numbers) > _LISTED:
        shown.append(f"{len(numbers) - _LISTED} more")
    if len(shown) == 1:
        return f"Lesion {shown[0]}"
    return f"Lesions {', '.join(shown[:-1])} and {shown[-1]}"
