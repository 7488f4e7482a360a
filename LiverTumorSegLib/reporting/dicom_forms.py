"""Forms that a DICOM Segmentation may have, and the options that ask for them."""

from __future__ import annotations

from ..core.errors import UserError

BINARY, DEFLATED, LABEL_MAP = "binary", "deflated", "label map"
FORMS = (BINARY, DEFLATED, LABEL_MAP)
"""Forms of a DICOM Segmentation: a bit a voxel and segment, the same compressed, or a number a voxel, compressed."""

OVERLAPPING = (
    "The DICOM Segmentation is not a label map, since its structures overlap, which a label map cannot hold: it was "
    "written in the usual form."
)

LESION_SEGMENTS = ("each", "all")
_OPTIONS = {DEFLATED: "--deflate", LABEL_MAP: "--label-map"}


def form_of(*, deflate: bool, label_map: bool) -> str:
    """The form that two options ask for.

    Raises:
        UserError: both are given.
    """
    if deflate and label_map:
        msg = "--deflate and --label-map are two forms of one file: leave one of them out."
        raise UserError(msg)
    return DEFLATED if deflate else LABEL_MAP if label_map else BINARY


def refuse_without_dicom(lesion_segments: str, form: str) -> None:
    """Refuse what is asked of DICOM objects that are not written.

    Args:
        lesion_segments: as given.
        form: likewise.

    Raises:
        UserError: one of them is not what it is where nobody asks.
    """
    asked = [_OPTIONS[form]] if form in _OPTIONS else []
    asked += ["--lesion-segments"] if lesion_segments != LESION_SEGMENTS[0] else []
    for option in asked:
        msg = f"{option} works with --dicom alone: add --dicom, or leave it out."
        raise UserError(msg)


def refuse_unknown_segments(lesion_segments: str) -> None:
    """Raise :class:`UserError` where lesions are to be segments in a way that there is not."""
    if lesion_segments not in LESION_SEGMENTS:
        msg = f"There is no --lesion-segments “{lesion_segments}”: give each or all."
        raise UserError(msg)
