"""How a case counts whose prediction or reference lacks the structure."""

from __future__ import annotations

from enum import Enum

from .overlap import Counts

DISTANCES = ("assd_mm", "rmsd_mm", "hd_mm", "hd95_mm")


class Empties(str, Enum):
    """The rule for empty masks.

    ``LITS``: Dice, IoU and surface Dice are 1 where both are empty and 0 where one is, as LiTS scores Dice per case;
    distances are not defined then, and such a case is left out of their means by name.

    ``WORST``: the same, but a distance is 0 where both are empty and the image's diagonal where one is, so that a
    missed structure cannot improve a mean (Maier-Hein et al., Metrics reloaded, Nature Methods 21, 2024).

    ``LEAVE_OUT``: a case whose reference is empty is left out, also of the pooled Dice, as MONAI's metrics do by
    default; a missed structure has Dice 0 and no distance. Volumes, burden and lesions count all cases.
    """

    LITS = "lits"
    WORST = "worst"
    LEAVE_OUT = "leave-out"

    def apply(self, measured: dict[str, float | None], empty: str | None, diagonal_mm: float) -> None:
        """Fill in, or take out, what is not defined by itself.

        Args:
            measured: by key; changed in place.
            empty: as :func:`emptiness` gives it.
            diagonal_mm: the longest distance in the image.
        """
        if empty is None:
            return
        if self is Empties.LEAVE_OUT and empty != "prediction":
            measured.update(dict.fromkeys(measured))
            return
        agreed = float(empty == "both")
        measured.update({"dice": agreed, "iou": agreed, "voe": 1 - agreed, "surface_dice": agreed})
        if empty == "both":
            measured["rvd"] = 0.0
        if self is Empties.WORST:
            measured.update(dict.fromkeys(DISTANCES, 0.0 if agreed else diagonal_mm))


def emptiness(counts: Counts) -> str | None:
    """Which of the masks is empty: ``prediction``, ``reference``, ``both`` or None."""
    found, real = counts.tp + counts.fp, counts.tp + counts.fn
    if found and real:
        return None
    if not found and not real:
        return "both"
    return "reference" if found else "prediction"
