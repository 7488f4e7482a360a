"""DICOM segmentations: bytes damaged, and bits, label maps and deflated ones with values that say other things."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian
from support.seg_cases import labels, made

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import dicom_seg, volumes

from ..batches import Batches
from ..mutations import damaged
from ..volume_tries import check_refusal

TRIES = 20_000
READERS = (dicom_seg,)
"""Loaded before the forks, once."""

_VALUES = (
    0,
    1,
    2,
    8,
    16,
    255,
    65535,
    None,
    "",
    "1",
    "LABELMAP",
    "FRACTIONAL",
    b"\0",
    [],
    [0.0] * 3,
    [1e9] * 3,
    [1.0] * 6,
)
_MOST_CHANGES = 3
_NOT_WRITTEN = (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError, struct.error)
"""What pydicom raises where an element cannot hold a value, although nothing is written to a disk."""


@cache
def bases() -> tuple[bytes, ...]:
    """Sound files."""
    found = [made(kind=kind) for kind in ("BINARY", "LABELMAP", "BINARY")]
    found[2].file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return tuple(_bytes(each) for each in found)


def attempt(random: Random, folder: Path) -> bool:
    base, sound = random.choice(bases()), random.random() < 0.1
    content = base if sound else random.choice((_damaged, _revalued, _huge_length))(random, base)
    path = folder / "seg.dcm"
    path.write_bytes(content)
    try:
        stored = volumes.read_stored(path)
        named = volumes.segment_names(path)
    except UserError as error:
        return check_refusal(error, path, sound=sound)
    assert stored.values.ndim == 3
    assert stored.values.dtype in (np.uint8, np.uint16)
    assert np.isfinite(stored.affine).all()
    assert all(name.isprintable() for name in named.values()), named
    assert not sound or np.array_equal(stored.values, labels()[1:5]), "other voxels than the file's"
    return True


def _bytes(dataset: Dataset) -> bytes:
    content = io.BytesIO()
    dataset.save_as(content)
    return content.getvalue()


def _damaged(random: Random, base: bytes) -> bytes:
    return damaged(random, base, bases()[0])


def _revalued(random: Random, base: bytes) -> bytes:
    """Elements of any depth given other values, or taken away, as pydicom can write them."""
    while True:
        dataset = dcmread(io.BytesIO(base))
        _revalue(random, dataset)
        with suppress(*_NOT_WRITTEN):
            return _bytes(dataset)


def _revalue(random: Random, dataset: Dataset) -> None:
    every = [(item, each.tag) for item in _items(dataset) for each in item]
    for item, tag in random.sample(every, random.randrange(1, _MOST_CHANGES + 1)):
        if random.random() < 0.3:
            del item[tag]
        else:
            item[tag]._value = random.choice(_VALUES)


def _items(dataset: Dataset) -> list[Dataset]:
    inner = [item for each in dataset if each.VR == "SQ" for item in each.value or ()]
    return [dataset, *(found for item in inner for found in _items(item))]


def _huge_length(random: Random, base: bytes) -> bytes:
    """Four bytes, which may be the length of an element, made huge."""
    at = random.randrange(132, len(base) - 4)
    huge = random.choice((0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0x00010000))
    return base[:at] + struct.pack("<I", huge) + base[at + 4 :]


BATCHES = Batches("dicom_seg", attempt, size=200)
run, only = BATCHES.run, BATCHES.only
