"""NIfTI headers: fields set to what they cannot be, and bytes damaged, in both versions and byte orders."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from nibabel import nifti1, nifti2

from LiverTumorSegLib.core.volume import Volume

from ..batches import Batches
from ..mutations import damaged, hostile_number
from ..volume_tries import base, options, read

TRIES = 400_000

KINDS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
_LAYOUTS = {1: nifti1.header_dtype, 2: nifti2.header_dtype}
_MAGIC = {1: b"n+1\0", 2: b"n+2\0\r\n\x1a\n"}
_SAYS_NOTHING = frozenset({
    "data_type", "db_name", "extents", "session_error", "regular", "intent_p1", "intent_p2", "intent_p3", "intent_code",
    "intent_name", "slice_start", "slice_end", "slice_code", "slice_duration", "toffset", "cal_max", "cal_min", "glmax",
    "glmin", "descrip", "aux_file", "unused_str", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y",
})  # fmt: skip
"""Fields on which neither the value of a voxel nor its place depends, which the sform of the base says."""


@cache
def header(kind: str, order: str, version: int) -> np.ndarray:
    """The base's header, as one record."""
    made = np.zeros((), _LAYOUTS[version].newbyteorder(order))
    slope, intercept, _ = _scaling(kind)
    made["sizeof_hdr"], made["magic"], made["vox_offset"] = made.itemsize, _MAGIC[version], made.itemsize + 4
    made["dim"] = [3, *base().voxels.shape[::-1], 1, 1, 1, 1]
    made["pixdim"] = [1, *base().spacing[::-1], 1, 1, 1, 1]
    made["datatype"] = nifti1.data_type_codes.code[np.dtype(kind)]
    made["bitpix"] = np.dtype(kind).itemsize * 8
    made["scl_slope"], made["scl_inter"], made["xyzt_units"], made["sform_code"] = slope, intercept, 2, 1
    made["srow_x"], made["srow_y"], made["srow_z"] = base().affine[:3]
    return made


@cache
def body(kind: str, order: str) -> bytes:
    """The flag for no extensions, and the base's voxels."""
    return bytes(4) + _scaling(kind)[2].astype(order + kind).tobytes()


def expected(kind: str) -> Volume:
    """What the base is once read: coarser where a type holds less."""
    slope, intercept, stored = _scaling(kind)
    return Volume((stored * slope + intercept).astype(np.int16), base().affine)


def _scaling(kind: str) -> tuple[float, float, np.ndarray]:
    """Slope, intercept, and what is stored."""
    slope = 4 if kind in ("i1", "u1") else 1
    intercept = -256 if kind[0] == "u" else 0
    return slope, intercept, (base().voxels - intercept) // slope


def drawn(random: Random) -> tuple[str, str, int]:
    """A type, a byte order and a version."""
    return random.choice(KINDS), random.choice("<>"), random.choice((1, 1, 2))


def attempt(random: Random, folder: Path) -> bool:
    kind, order, version = drawn(random)
    sound = random.random() < 0.15
    content = _changed_fields(random, header(kind, order, version), sound=sound).tobytes()
    if not sound and random.random() < 0.4:
        content = damaged(random, content, header(*drawn(random)).tobytes())
    content += body(kind, order)
    packed = random.random() < 0.3
    path = folder / ("ct.nii.gz" if packed else "ct.nii")
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    return read(path, expected(kind) if sound else None, **options(random)) is not None


def _changed_fields(random: Random, whole: np.ndarray, *, sound: bool) -> np.ndarray:
    changed = whole.copy()
    names = [name for name in whole.dtype.names if not sound or name in _SAYS_NOTHING]
    for name in random.choices(names, k=random.choice((1, 1, 2, 3, 6))):
        values = changed[name].reshape(-1)
        at = random.randrange(values.size)
        values[at] = hostile_number(random, values.dtype, values[at])
        changed[name] = values.reshape(changed[name].shape)
    return changed


BATCHES = Batches("nifti_headers", attempt)
run, only = BATCHES.run, BATCHES.only
