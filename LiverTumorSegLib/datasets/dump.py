"""A training dump: slices as JPG pictures, masks as PNG, and what the folder says of itself.

Kulkarni et al. (sections 3.5 to 3.7) scale the channels to 8 bits, save them as JPG in a mode with as many bands
(RGB, CMYK) and the masks as PNG. Left open there and chosen here: one channel is gray; two are the first two bands of
RGB, the third black; and RGB is stored as it is. JPEG's usual turn to luminance and thinned-out colour is made for the
eye: it leaks one channel into another by up to 95 of 255 at quality 95, where stored as it is none is off by more
than 10.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, ValidationError

from ..core.ct_quality import DamageReason, DamageTreatment
from ..core.errors import UserError
from ..core.schema import StrictModel, explain_validation_error
from ..preprocessing import Chain, Slices
from ..reporting import figures

IMAGES, MASKS, TABLE, NOTE = "images", "masks", "slices.csv", "export.json"
CONTENTS = frozenset({IMAGES, MASKS, TABLE, NOTE})

_ROUNDING = 1e-6
_MODES = {1: "L", 2: "RGB", 3: "RGB", 4: "CMYK"}


class LeftOut(StrictModel):
    """A volume that is not in the dump, and why."""

    name: str
    reason: str


class DamagedSlice(StrictModel):
    """A slice that was interpolated or left out, numbered as the pictures are, and why."""

    patient: str
    slice: int
    reason: DamageReason


class Note(StrictModel):
    """The content of ``export.json``.

    Args:
        format: of this file.
        version: of the program that wrote it.
        chain: what the slices went through.
        channels: of a picture; a third band of two channels is empty.
        intensities: HU of the darkest and of the brightest grey, where the chain is a single window, resized at most.
        every: every how many slices one was kept.
        quality: of the JPG pictures, 1 to 100.
        damaged: what was done about damaged slices.
        damaged_slices: which these were, unless they were taken as they are.
        left_out: volumes that are not here.
        origin: digest of the CTs and labels that the slices are of; empty where it was not taken.
    """

    format: Literal[1] = 1
    version: str
    chain: Chain
    channels: int = Field(ge=1, le=4)
    intensities: tuple[float, float] | None
    every: int
    quality: int
    damaged: DamageTreatment
    damaged_slices: tuple[DamagedSlice, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    origin: str = ""

    def write(self, folder: Path) -> None:
        """Write it into a dump's folder."""
        (folder / NOTE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_note(folder: Path) -> Note | None:
    """The note that a folder of slices has on itself; None where there is none.

    Raises:
        UserError: its ``export.json`` is damaged, or from a newer version.
    """
    path = folder / NOTE
    if not path.exists():
        return None
    try:
        return Note.model_validate_json(path.read_bytes())
    except ValidationError as error:
        why = explain_validation_error(error, Note)
        msg = f"{path} is not what this version writes: export the slices again. {why}"
        raise UserError(msg) from error


def to_bytes(pixels: torch.Tensor) -> torch.Tensor | None:
    """Values of [0, 1] times 255, uint8; None where others occur."""
    grey = pixels.mul(255).round()  # resampling leaves [0, 1] by rounding errors
    return grey.to(torch.uint8) if grey.min() >= 0 and grey.max() <= 255 else None


def write_picture(path: Path, channels: torch.Tensor, quality: int) -> None:
    """Write uint8 ``[channel, row, column]``, one to four channels, as JPG."""
    bands = channels.numpy()
    if len(bands) == 2:
        bands = np.concatenate([bands, np.zeros_like(bands[:1])])
    shown = bands[0] if len(bands) == 1 else np.ascontiguousarray(bands.transpose(1, 2, 0))
    image = Image.frombytes(_MODES[len(channels)], shown.shape[1::-1], shown.tobytes())
    figures.write_picture(path, image, "JPEG", quality=quality, subsampling=0, keep_rgb=True)


def read_picture(path: Path, channels: int) -> NDArray[np.uint8]:
    """Read what :func:`write_picture` wrote: ``[channel, row, column]``.

    Raises:
        UserError: the picture has other bands.
    """
    with Image.open(path) as image:
        if image.mode != _MODES[channels]:
            msg = f"{path} has the bands {image.mode}, not {_MODES[channels]} as its {NOTE} says: export it again."
            raise UserError(msg)
        return np.atleast_3d(np.array(image)).transpose(2, 0, 1)[:channels]


def nearest_labels(labels: torch.Tensor, prepared: Slices) -> torch.Tensor:
    """Labels ``[..., row, column]`` at the nearest of each preprocessed pixel's centre.

    Args:
        labels: on the slices' own rows and columns.
        prepared: the slices after the chain, which may have resized and cropped them.
    """
    places = zip(labels.shape[-2:], prepared.size, prepared.origin, prepared.scale, strict=True)
    rows, columns = (
        (origin + (torch.arange(count, dtype=torch.float64) + 0.5) * scale + _ROUNDING).long().clamp_max(own - 1)
        for own, count, origin, scale in places
    )
    return labels[..., rows[:, None], columns]
