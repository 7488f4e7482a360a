"""CTs in the formats that are read, written without the library, each field of the header open to change."""

from __future__ import annotations

import gzip
import zlib

import nibabel
import numpy as np

from .grid import BODY, Grid

LPS = np.diag([-1.0, -1.0, 1.0])
NRRD_TYPES = {"i1": "int8", "u1": "uint8", "i2": "int16", "u2": "uint16", "i4": "int32", "u4": "uint32",
              "i8": "int64", "u8": "uint64", "f4": "float", "f8": "double"}  # fmt: skip
META_TYPES = {"i1": "MET_CHAR", "u1": "MET_UCHAR", "i2": "MET_SHORT", "u2": "MET_USHORT", "i4": "MET_INT",
              "u4": "MET_UINT", "i8": "MET_LONG_LONG", "u8": "MET_ULONG_LONG", "f4": "MET_FLOAT",
              "f8": "MET_DOUBLE"}  # fmt: skip


def nifti(grid: Grid = BODY, stored: np.ndarray | None = None, *, two: bool = False, tail: bytes = b"", **fields):
    """NIfTI-1, or -2; placed by its sform alone.

    Args:
        grid: the CT.
        stored: what stands in the file in place of the HU, ``[..., k, j, i]``, in its own type and byte order.
        two: whether it is NIfTI-2.
        tail: bytes between the header and the voxels, in place of no extensions.
        fields: of the header, as they are.
    """
    voxels = grid.voxels if stored is None else stored
    order = ">" if voxels.dtype.byteorder == ">" else "<"
    header = (nibabel.Nifti2Header if two else nibabel.Nifti1Header)(endianness=order)
    header.set_data_dtype(voxels.dtype)
    header.set_data_shape(voxels.shape[::-1])
    header.set_sform(grid.affine, code=1)
    header["pixdim"][1:4] = np.linalg.norm(grid.affine[:3, :3], axis=0)
    header.set_xyzt_units("mm")
    header["magic"] = header.single_magic
    header["vox_offset"] = len(header.binaryblock) + 4
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + (tail or bytes(4)) + voxels.tobytes()


def nrrd(grid: Grid = BODY, stored: np.ndarray | None = None, body: bytes | None = None, **changes: object) -> bytes:
    """NRRD with its voxels as they are.

    Args:
        grid: the CT.
        stored: what stands in the file in place of the HU.
        body: what follows the header, in place of the voxels.
        changes: fields to set, or with None to leave out; an underscore stands for a blank.
    """
    voxels = grid.voxels if stored is None else stored
    fields: dict[str, object] = {
        "type": NRRD_TYPES[voxels.dtype.str[1:]],
        "dimension": voxels.ndim,
        "space": "left-posterior-superior",
        "space dimension": None,
        "space units": None,
        "sizes": " ".join(map(str, voxels.shape[::-1])),
        "space directions": " ".join(map(_vector, (LPS @ grid.affine[:3, :3]).T)),
        "kinds": "domain domain domain",
        "endian": "big" if voxels.dtype.byteorder == ">" else "little",
        "encoding": "raw",
        "space origin": _vector(LPS @ grid.affine[:3, 3]),
    }
    lines = ["NRRD0005", *_lines(fields, {key.replace("_", " "): value for key, value in changes.items()}, ": ")]
    return "\n".join([*lines, "", ""]).encode() + (voxels.tobytes() if body is None else body)


def metaimage(grid: Grid = BODY, stored: np.ndarray | None = None, body: bytes | None = None, **changes: object):
    """MetaImage, as :func:`nrrd`."""
    voxels = grid.voxels if stored is None else stored
    spacing = np.linalg.norm(grid.affine[:3, :3], axis=0)
    fields: dict[str, object] = {
        "ObjectType": "Image",
        "NDims": voxels.ndim,
        "BinaryData": True,
        "BinaryDataByteOrderMSB": voxels.dtype.byteorder == ">",
        "CompressedData": False,
        "TransformMatrix": _numbers((LPS @ grid.affine[:3, :3] / spacing).T.ravel()),
        "Offset": _numbers(LPS @ grid.affine[:3, 3]),
        "ElementSpacing": _numbers(spacing),
        "DimSize": " ".join(map(str, voxels.shape[::-1])),
        "ElementType": META_TYPES[voxels.dtype.str[1:]],
        "ElementDataFile": "LOCAL",
    }
    last = {"ElementDataFile": changes.pop("ElementDataFile", fields.pop("ElementDataFile"))}
    lines = [*_lines(fields, changes, " = "), *_lines({}, last, " = ")]
    return "\n".join([*lines, ""]).encode() + (voxels.tobytes() if body is None else body)


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def nrrd_zipped(grid: Grid = BODY) -> bytes:
    return nrrd(grid, body=zipped(grid.voxels.tobytes()), encoding="gzip")


def metaimage_zipped(grid: Grid = BODY) -> bytes:
    packed = zlib.compress(grid.voxels.tobytes())
    return metaimage(grid, body=packed, CompressedData=True, CompressedDataSize=len(packed))


def _lines(fields: dict[str, object], changes: dict[str, object], between: str) -> list[str]:
    return [f"{key}{between}{value}" for key, value in (fields | changes).items() if value is not None]


def _vector(numbers: np.ndarray) -> str:
    return f"({','.join(map(repr, numbers.tolist()))})"


def _numbers(numbers: np.ndarray) -> str:
    return " ".join(map(repr, numbers.tolist()))
