"""The DICOM images of a session's CT, which stay there for as long as it does: DICOM objects are about them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ....core.errors import UserError
from ....core.volume import Volume

_PREFIX = "images-"


def keep_images(volume: Volume, folder: Path, used: Sequence[Path] = (), *, is_own: bool) -> Volume:
    """The CT with its images in a new folder of the session, under names that are numbers.

    Args:
        volume: as it was read; one without images comes back as it is.
        folder: of the session; images of CTs that were read before and are not used are deleted in it.
        used: images that stay.
        is_own: whether the files are the session's alone, so that they need not be copied.

    Raises:
        UserError: there is no room for them.
    """
    places = {image.parent for image in used}
    for earlier in folder.glob(f"{_PREFIX}*"):
        if earlier not in places:
            shutil.rmtree(earlier, ignore_errors=True)
    if not volume.images:
        return volume
    try:
        place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        files = dict.fromkeys(volume.images)  # the slices of an enhanced CT have one together
        kept = {image: _kept(image, place / f"{n:05}.dcm", is_own=is_own) for n, image in enumerate(files, 1)}
    except OSError as error:
        msg = f"The CT's images cannot be kept ({error.strerror}): free some space on the server's disk."
        raise UserError(msg) from error
    return replace(volume, images=tuple(kept[image] for image in volume.images))


def delete_images(images: Sequence[Path]) -> None:
    """Delete what :func:`keep_images` kept."""
    for place in {image.parent for image in images}:
        shutil.rmtree(place, ignore_errors=True)


def _kept(image: Path, own: Path, *, is_own: bool) -> Path:
    if is_own:
        with suppress(OSError):  # a file system without links
            os.link(image, own)
            return own
    return Path(shutil.copyfile(image, own))
