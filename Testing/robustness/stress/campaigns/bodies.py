"""Voxels behind a sound header: flipped, cut, doubled and packed wrongly, as they are and compressed.

A checksum protects compressed voxels, so that whatever comes out of them is the base. Of the others every change shows.
"""

from __future__ import annotations

import gzip
import zlib
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from LiverTumorSegLib.core.volume import Volume

from ..batches import Batches
from ..mutations import damaged
from ..volume_tries import base, read
from . import metaimage_headers, nifti_headers, nrrd_headers

TRIES = 100_000

_KIND, _ORDER = "i2", "<"
_RAW = base().voxels.astype(_ORDER + _KIND).tobytes()
_UNPACKED = 40_000_000
"""Bytes that a bomb of some ten kilobytes holds."""


def _nifti() -> bytes:
    return nifti_headers.header(_KIND, _ORDER, 1).tobytes() + bytes(4)


def _text(form, packing: str, body: bytes, beside: str | None = None) -> bytes:
    lines = form.lines(_KIND, _ORDER, packing, body, beside)
    return "\n".join(lines).encode() + form.end.encode()


def attempt(random: Random, folder: Path) -> bool:
    name = random.choice(("ct.nii", "ct.nrrd", "ct.mha", "ct.mhd", "ct.nii.gz", "ct.zipped.nrrd", "ct.zipped.mha"))
    if name == "ct.nii.gz" or "zipped" in name:
        return _packed(random, folder / name)
    body = damaged(random, _RAW, _RAW) if random.random() < 0.9 else _RAW
    header = {"ct.nii": _nifti, "ct.nrrd": lambda: _text(nrrd_headers.FORMAT, "raw", _RAW)}.get(
        name, lambda: _text(metaimage_headers.FORMAT, "raw", _RAW, "ct.raw" if name == "ct.mhd" else None)
    )()
    (folder / "ct.raw").write_bytes(body)
    (folder / name).write_bytes(header + (b"" if name == "ct.mhd" else body))
    expected = _volume(body) if len(body) >= len(_RAW) else None
    volume = read(folder / name, expected, force=True)
    assert expected is not None or volume is None, "voxels were made up"
    return volume is not None


def _volume(body: bytes) -> Volume:
    voxels = np.frombuffer(body[: len(_RAW)], _ORDER + _KIND).reshape(base().voxels.shape)
    return Volume(voxels.astype(np.int16), base().affine)


def _packed(random: Random, path: Path) -> bool:
    metaimage, nifti = path.suffix == ".mha", path.suffix == ".gz"
    content = _nifti() + _RAW if nifti else _RAW
    body = _stream(random, content, zipped=not metaimage)
    if not nifti:
        form, packing = (metaimage_headers.FORMAT, "zlib") if metaimage else (nrrd_headers.FORMAT, "gzip")
        body = _text(form, packing, body) + body
    path.write_bytes(body)
    volume = read(path, force=True)
    if volume is not None:
        assert np.array_equal(volume.voxels, base().voxels), "other voxels than were packed"
        assert np.allclose(volume.affine, base().affine), "another place than was packed"
    return volume is not None


def _stream(random: Random, content: bytes, *, zipped: bool) -> bytes:
    """Packed content after damage that a checksum tells, or that leaves the content as it is."""
    pack = gzip.compress if zipped else zlib.compress
    whole, at = pack(content), random.randrange(len(content) + 1)
    kind = random.choice(("sound", "damaged", "damaged", "damaged", "trailer", "members", "tail", "empty"))
    kind = "bomb" if random.random() < 0.01 else kind
    if kind == "trailer":
        place = random.randrange(len(whole) - (8 if zipped else 4), len(whole))
        return whole[:place] + random.randbytes(1) + whole[place + 1 :]
    return {
        "sound": lambda: pack(content, random.randrange(10)),
        "damaged": lambda: damaged(random, whole, pack(content[::-1])[:-8]),  # else it may become a sound file
        "members": lambda: pack(content[:at]) + random.choice((b"", bytes(9))) + pack(content[at:]),
        "tail": lambda: whole + random.choice((b"\0" * 512, random.randbytes(20), whole, whole[:9])),
        "bomb": lambda: _bomb(content, zipped),
        "empty": lambda: random.choice((b"", pack(b""), whole[:10], pack(content[:-1]))),
    }[kind]()


@cache
def _bomb(content: bytes, zipped: bool) -> bytes:
    pack = gzip.compress if zipped else zlib.compress
    return pack(content + bytes(_UNPACKED))


BATCHES = Batches("bodies", attempt)
run, only = BATCHES.run, BATCHES.only
