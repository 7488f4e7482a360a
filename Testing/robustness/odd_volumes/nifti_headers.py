"""NIfTI headers that state what is wrong, impossible, or twice."""

from __future__ import annotations

import struct

import numpy as np

from .case import BROKEN, IMPOSSIBLE, Case, Handled, Refused, file
from .formats import nifti, zipped
from .grid import BODY, Grid

NI, NJ, NK = BODY.voxels.shape[::-1]
SPACING = np.linalg.norm(BODY.affine[:3, :3], axis=0)
NO_SFORM = {"sform_code": 0}
BY_QFORM = NO_SFORM | {
    "qform_code": 1,
    "pixdim": [1, *SPACING, 0, 0, 0, 0],
    "quatern_b": 0,
    "quatern_c": 0,
    "quatern_d": 1,
    "qoffset_x": 40,
    "qoffset_y": 60,
    "qoffset_z": -30,
}


def dim(*sizes: int) -> dict:
    return {"dim": [*sizes, *[1] * (8 - len(sizes))]}


def pixdim(*sizes: float) -> dict:
    return {"pixdim": [1, *sizes, 0, 0, 0, 0]}


def sform(*rows: tuple[float, ...]) -> dict:
    return dict(zip(("srow_x", "srow_y", "srow_z"), rows, strict=True))


HUGE = 2**15 - 1
REFUSED = {
    "no dimensions": dim(0, NI, NJ, NK),
    "eight dimensions": dim(8, NI, NJ, NK),
    "minus one dimensions": dim(-1, NI, NJ, NK),
    "3,000 dimensions": dim(3000, NI, NJ, NK),
    "a size of 0": dim(3, NI, 0, NK),
    "a negative size": dim(3, -NI, NJ, NK),
    "negative sizes whose product is right": dim(3, -NI, -NJ, NK),
    "a fourth size of 0": dim(4, NI, NJ, NK, 0),
    "one slice more than there is": dim(3, NI, NJ, NK + 1),
    "70 terabytes": dim(3, HUGE, HUGE, HUGE),
    "sizes beyond 64 bits": dim(7, *[HUGE] * 7),
    "a spacing of 0": pixdim(0.75, 0, 2.5),
    "a negative spacing": pixdim(0.75, -0.875, 2.5),
    "a spacing of NaN": pixdim(0.75, 0.875, np.nan),
    "an infinite spacing": pixdim(0.75, 0.875, np.inf),
    "voxels before the file's begin": {"vox_offset": -16},
    "voxels within the header": {"vox_offset": 16},
    "voxels behind the file's end": {"vox_offset": 1e6},
    "voxels at 1e30": {"vox_offset": 1e30},
    "voxels at NaN": {"vox_offset": np.nan},
    "voxels at infinity": {"vox_offset": np.inf},
    "a type that is none": {"datatype": 999},
    "no type": {"datatype": 0},
    "single bits": {"datatype": 1, "bitpix": 1},
    "numbers of 16 bytes": {"datatype": 1536, "bitpix": 128},
    "another magic": {"magic": b"abc"},
    "a singular sform": sform((1, 2, 0, 0), (2, 4, 0, 0), (0, 0, 1, 0)),
    "an sform of zeros": sform((0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)),
    "an sform with NaN": sform((-0.75, 0, 0, np.nan), (0, -0.875, 0, 60), (0, 0, 2.5, -30)),
    "an infinite sform": sform((-0.75, 0, 0, 40), (0, -np.inf, 0, 60), (0, 0, 2.5, -30)),
    "an sform of metres, unsaid to be": sform((-750, 0, 0, 40), (0, -875, 0, 60), (0, 0, 2500, -30)),
    "an origin at 1e30": sform((-0.75, 0, 0, 1e30), (0, -0.875, 0, 60), (0, 0, 2.5, -30)),
    "a quaternion of NaN": BY_QFORM | {"quatern_b": np.nan},
    "an infinite quaternion": BY_QFORM | {"quatern_c": np.inf},
    "a quaternion longer than 1": BY_QFORM | {"quatern_b": 2},
    "a qform with an offset of NaN": BY_QFORM | {"qoffset_x": np.nan},
}
TWO_REFUSED = {
    "a petabyte": dim(3, 10**5, 10**5, 10**5),
    "sizes that overflow 64 bits": dim(3, 2**40, 2**40, 2**40),
    "sizes whose product wraps round to what there is": dim(3, 2**32, 2**32, NK),
    "a size of -2^63": dim(3, -(2**63), NJ, NK),
    "voxels at 2^62": {"vox_offset": 2**62},
    "a spacing of 1e300": pixdim(1e300, 1, 1) | sform((1e300, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)),
}


def unplaced() -> Grid:
    """Where nibabel, as the NIfTI-1 method 1 has no origin, puts it: its middle at 0, i to the left."""
    affine = np.diag([-SPACING[0], SPACING[1], SPACING[2], 1])
    affine[:3, 3] = -affine[:3, :3] @ (np.array([NI, NJ, NK]) - 1) / 2
    return Grid(BODY.voxels, affine)


def by_qform(qfac: float) -> Grid:
    turned = BODY.affine.copy()
    turned[:3, 2] *= qfac
    return Grid(BODY.voxels, turned)


def unturned() -> Grid:
    """As a quaternion of no turn has it."""
    affine = np.diag([*SPACING, 1])
    affine[:3, 3] = BODY.affine[:3, 3]
    return Grid(BODY.voxels, affine)


METRES = sform((-0.75e-3, 0, 0, 0.04), (0, -0.875e-3, 0, 0.06), (0, 0, 2.5e-3, -0.03))
MICROMETRES = sform((-750, 0, 0, 4e4), (0, -875, 0, 6e4), (0, 0, 2500, -3e4))
NO_PLACE = "does not say how the patient lies"
HANDLED = {
    "lengths in metres": (METRES | {"xyzt_units": 1 + 8}, BODY, ""),
    "lengths in micrometres": (MICROMETRES | {"xyzt_units": 3}, BODY, ""),
    "no unit": ({"xyzt_units": 0}, BODY, ""),
    "a unit that does not exist": ({"xyzt_units": 7}, BODY, ""),
    "neither sform nor qform": (NO_SFORM, unplaced(), NO_PLACE),
    "a qform alone": (BY_QFORM, by_qform(1), ""),
    "a qform alone, left-handed": (BY_QFORM | {"pixdim": [-1, *SPACING, 0, 0, 0, 0]}, by_qform(-1), ""),
    "a qform whose handedness is 0": (BY_QFORM | {"pixdim": [0, *SPACING, 0, 0, 0, 0]}, by_qform(1), ""),
    "a quaternion of zeros, which is no turn": (BY_QFORM | {"quatern_d": 0}, unturned(), ""),
    "an sform and a qform that agree": (BY_QFORM | {"sform_code": 1}, BODY, ""),
    "an sform and a qform that disagree": (
        BY_QFORM | {"sform_code": 1, "quatern_d": 0},
        BODY,
        "states two places that differ",
    ),
    "an sform and a broken qform": (
        BY_QFORM | {"sform_code": 1, "quatern_b": np.nan},
        BODY,
        "states two places that differ",
    ),
    "a code of its sform that does not exist": ({"sform_code": 99}, unplaced(), NO_PLACE),
    "another length of its header": ({"sizeof_hdr": 540}, BODY, ""),
    "an intent": ({"intent_code": 1002, "intent_name": b"labels"}, BODY, ""),
    "a calibrated range": ({"cal_min": np.nan, "cal_max": -1e30}, BODY, ""),
    "text that is not ASCII": ({"descrip": b"\xff\xfe\x1b[31m", "aux_file": b"../../etc/passwd"}, BODY, ""),
    "voxels after a gap": ({"vox_offset": 400}, BODY, ""),
    "bits that do not fit its type": ({"bitpix": 3}, BODY, ""),
    "unused sizes of nonsense": (dim(3, NI, NJ, NK, -7, 0, 999), BODY, ""),
    "slices' times and order": (
        {"slice_code": 5, "slice_start": 9, "slice_end": -2, "slice_duration": np.nan},
        BODY,
        "",
    ),
}


def bytes_of(fields: dict, two: bool = False) -> bytes:
    tail = bytes(52) if fields.get("vox_offset") == 400 else b""
    return nifti(two=two, tail=tail, **fields)


EXTENSIONS = {
    "of no length": struct.pack("<4B2i", 1, 0, 0, 0, 0, 6),
    "of a negative length": struct.pack("<4B2i", 1, 0, 0, 0, -16, 6),
    "of 2 gigabytes": struct.pack("<4B2i", 1, 0, 0, 0, 2**31 - 16, 6),
    "of a length that is no multiple of 16": struct.pack("<4B2i", 1, 0, 0, 0, 17, 6) + bytes(9),
}
WITH_ONE = struct.pack("<4B2i", 1, 0, 0, 0, 32, 6) + b"a comment, no more".ljust(24, b"\0")
CASES = [
    *(
        Case(f"NIfTI with {words}", file("ct.nii", bytes_of(fields)), Refused(IMPOSSIBLE))
        for words, fields in REFUSED.items()
    ),
    *(
        Case(f"zipped NIfTI with {words}", file("ct.nii.gz", zipped(bytes_of(REFUSED[words]))), Refused(IMPOSSIBLE))
        for words in ("one slice more than there is", "70 terabytes", "sizes beyond 64 bits", "voxels at 1e30")
    ),
    *(
        Case(f"NIfTI-2 with {words}", file("ct.nii", bytes_of(fields, two=True)), Refused(IMPOSSIBLE))
        for words, fields in TWO_REFUSED.items()
    ),
    *(
        Case(f"NIfTI with {words}", file("ct.nii", bytes_of(fields)), Handled(grid, says))
        for words, (fields, grid, says) in HANDLED.items()
    ),
    *(
        Case(
            f"NIfTI with an extension {words}",
            file("ct.nii", nifti(tail=tail, vox_offset=400) + bytes(99)),
            Refused(IMPOSSIBLE),
        )
        for words, tail in EXTENSIONS.items()
    ),
    Case("NIfTI with an extension", file("ct.nii", nifti(tail=WITH_ONE, vox_offset=384)), Handled(BODY)),
    Case("NIfTI header without its image", file("ct.nii", nifti()[:348]), Refused(BROKEN)),
    Case(
        "NIfTI header of a pair", file("ct.nii", nifti(magic=b"ni1", vox_offset=0)), Refused("is the header of a pair")
    ),
]
