"""What the library says while it works, in the user's language."""

from __future__ import annotations

import re

from .translation import tr as _


def translated(stage: str) -> str:
    """A stage of the library in the user's language; one that is not known stays as it is."""
    for pattern, words in _known().items():
        found = re.fullmatch(pattern, stage)
        if found:
            return words.format(*found.groups())
    return stage


def _known() -> dict[str, str]:
    """English patterns of the library, and their words; asked for anew, since the language can be changed."""
    return {
        r"Loading PyTorch": _("Loading PyTorch"),
        r"Loading the model": _("Loading the model"),
        r"Reading the volume": _("Reading the volume"),
        r"Looking for the liver": _("Looking for the liver"),
        r"Segmenting slice (\d+) of (\d+)": _("Segmenting slice {0} of {1}"),
        r"Segmenting part (\d+) of (\d+)": _("Segmenting part {0} of {1}"),
        r"Writing labels": _("Writing labels"),
        r"Cleaning up": _("Cleaning up"),
        r"Measuring lesions": _("Measuring lesions"),
        r"Handing over": _("Handing over"),
        r"Preprocessing": _("Preprocessing"),
        r"Writing DICOM objects": _("Writing DICOM objects"),
        r"Writing the report": _("Writing the report"),
        r"Looking for models": _("Looking for models"),
        r"Looking for GPUs": _("Looking for GPUs"),
        r"Checking the model": _("Checking the model"),
        r"Downloaded (\d+) MB": _("Downloaded {0} MB"),
        r"Removing the model": _("Removing the model"),
        r"Done": _("Done"),
    }
