"""The lines of an NRRD or MetaImage header, read here alone: no other reader ever gets the file.

What could be read in two ways is refused, so that no other file is opened than the one that was checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PureWindowsPath

from ..core.errors import UserError
from . import limits

DAMAGED = "{} ends too early, is damaged or states an impossible geometry: get or export it again."
HERE = ("LOCAL", "Local", "local")
"""Words of MetaImage for voxels behind the header."""
_METAIMAGES = (".mha", ".mhd")
ENDINGS = (".nrrd", ".nhdr", *_METAIMAGES)

_NRRD_END = re.compile(rb"\n\r?\n")
_METAIMAGE_END = re.compile(rb"\n[ \t]*ElementDataFile[ \t]*[=:]([^\n]*)\n")
_MAGIC = re.compile(rb"NRRD\d\d\.?\d\d\s*")
_BREAK = re.compile(rb"\r?\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
"""Characters that one reader takes for the end of a line and another does not, a lone carriage return too."""

_NRRD_KEYS = frozenset({
    "number", "type", "blocksize", "dimension", "space", "spacedimension", "sizes", "spacings", "thicknesses",
    "axismins", "axismaxs", "spacedirections", "centers", "centerings", "kinds", "labels", "units", "min", "max",
    "oldmin", "oldmax", "datafile", "endian", "encoding", "lineskip", "byteskip", "sampleunits", "spaceunits",
    "spaceorigin", "measurementframe", "content",
})  # fmt: skip
_METAIMAGE_KEYS = {
    key: key.lower()
    for key in (
        "ObjectType", "NDims", "BinaryData", "CompressedData", "ElementSpacing", "ElementSize", "DimSize", "HeaderSize",
        "ElementType", "ElementNumberOfChannels", "ElementDataFile",
    )
} | {
    "BinaryDataByteOrderMSB": "msb", "ElementByteOrderMSB": "msb",
    "TransformMatrix": "transformmatrix", "Rotation": "transformmatrix", "Orientation": "transformmatrix",
    "Offset": "offset", "Position": "offset", "Origin": "offset",
}  # fmt: skip
"""Fields of a MetaImage that are read, each with its name here; all others are of one's own."""

_SPELT_OTHERWISE = frozenset(map(str.lower, _METAIMAGE_KEYS))
_DATA = ("datafile", "elementdatafile")
_BLOCK, _LONGEST = 1 << 16, 1 << 24
_SHOWN = 40


@dataclass(frozen=True)
class TextHeader:
    """The header of a file.

    Args:
        path: of the file.
        lines: without their ends.
        end: byte at which voxels may follow.
    """

    path: Path
    lines: tuple[bytes, ...]
    end: int

    @property
    def is_metaimage(self) -> bool:
        """Whether the file is a MetaImage, else NRRD."""
        return _is_metaimage(self.path)

    @cached_property
    def fields(self) -> dict[str, str]:
        """Values of the format's own fields, by names in small letters without blanks.

        Raises:
            UserError: a field is stated twice, has no value, or is none of NRRD's.
        """
        found: dict[str, str] = {}
        for key, value in (self._metaimage_fields if self.is_metaimage else self._nrrd_fields)():
            if key in found and (found[key] != value or key in _DATA):
                msg = f"{self.path} states a field of its header twice ({key}): correct its header."
                raise UserError(msg)
            found[key] = value
        return found

    @cached_property
    def pairs(self) -> dict[str, str]:
        """Pairs of one's own (``key:=value``) that an NRRD states beside its fields."""
        lines = [] if self.is_metaimage else [line.decode(errors="replace") for line in self.lines[1:]]
        pairs = (line.partition(":=") for line in lines if not line.startswith("#") and not _nrrd_field(line))
        return {key: _unescaped(value) for key, sign, value in pairs if sign}

    def _nrrd_fields(self) -> Iterator[tuple[str, str]]:
        for line in (_text(line) for line in self.lines[1:]):
            if field := _nrrd_field(line):
                yield field
            elif line.strip() and not line.startswith("#") and ":=" not in line:
                shown = ascii(line[:_SHOWN])
                msg = f"{self.path} has a line in its header that is not a field of NRRD ({shown}): correct its header."
                raise UserError(msg)

    def _metaimage_fields(self) -> Iterator[tuple[str, str]]:
        for line in (_text(line) for line in self.lines):
            name, _, value = re.sub("[=:]", "\0", line, count=1).partition("\0")
            name, value = name.strip(), value.strip()
            key = _METAIMAGE_KEYS.get(name)
            if key is None:
                self._refuse_misspelt(name)
                continue
            if not value and key not in _DATA:  # which other readers take from the next line
                msg = f"{self.path} states no value behind {name} on its line: correct its header."
                raise UserError(msg)
            yield key, value

    def _refuse_misspelt(self, name: str) -> None:
        if "".join(name.split()).lower() in _SPELT_OTHERWISE:
            msg = f"{self.path} misspells a field of its header ({name}): correct its header."
            raise UserError(msg)


def read(path: Path) -> TextHeader:
    """Read the header, which the name of the file says the format of.

    Raises:
        UserError: it is not a regular file; or it has no end, control characters, a field twice, or none that it needs.
    """
    header = _metaimage(path) if _is_metaimage(path) else _nrrd(path)
    if any(map(_CONTROL.search, header.lines)):
        msg = f"{path} has control characters in its header, or carriage returns by themselves: export it again."
        raise UserError(msg)
    if not (header.is_metaimage or _MAGIC.fullmatch(header.lines[0])):
        raise UserError(DAMAGED.format(path))
    if header.is_metaimage and "elementdatafile" not in header.fields:
        raise UserError(DAMAGED.format(path))
    return header


def _nrrd(path: Path) -> TextHeader:
    """Up to an empty line; all of a file without one, if its voxels are in another."""
    content, found = _start(path, _NRRD_END)
    lines = _lines(content[: found.end()] if found else content)
    if not found and "datafile" not in (field[0] for line in lines if (field := _nrrd_field(_text(line)))):
        raise UserError(DAMAGED.format(path))
    return TextHeader(path, lines, found.end() if found else len(content))


def _metaimage(path: Path) -> TextHeader:
    """Up to the name of the voxels' file; all of a file whose voxels are in another, where nothing else may follow."""
    content, found = _start(path, _METAIMAGE_END)
    if found and _text(found[1]).strip() not in HERE:
        content, found = _start(path, None)
    end = found.end() if found else len(content)
    return TextHeader(path, _lines(content[:end]), end)


def _start(path: Path, end: re.Pattern[bytes] | None) -> tuple[bytes, re.Match[bytes] | None]:
    """The file up to a block beyond an end, which may be that of the file itself.

    Raises:
        UserError: there is none within what is read of a header.
    """
    content, found = b"", None
    with limits.open_regular(path) as file:
        while not found and len(content) < _LONGEST:
            block = file.read(max(_BLOCK, len(content)))
            if not block:
                return content, None
            content += block
            found = end.search(content) if end else None
        if not found and file.read(1):
            msg = f"{path} has a header that does not end within {_LONGEST >> 20} MB: export it again."
            raise UserError(msg)
    return content, found


def _lines(content: bytes) -> tuple[bytes, ...]:
    return tuple(_BREAK.split(content))


def _text(line: bytes) -> str:
    return line.decode(errors="surrogateescape")


def _nrrd_field(line: str) -> tuple[str, str] | None:
    name, colon, value = line.partition(":")
    key = name.replace(" ", "").lower()
    return (key, value.strip()) if colon and not value.startswith("=") and key in _NRRD_KEYS else None


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value)


def _is_metaimage(path: Path) -> bool:
    return path.suffix.lower() in _METAIMAGES


_NRRD_PATTERN = re.compile(r"%\d*d")
_SHOWN_OF_NAME = 60


def locate_voxels(header: TextHeader) -> tuple[Path, int]:
    """The file that holds the voxels, and the byte at which they may begin in it.

    A header from elsewhere could name any file of the machine, or one that never ends: only a regular file in the
    header's own folder, or in a folder there, is let pass.

    Raises:
        UserError: they are elsewhere, in several files, or in none that can be read.
    """
    name = header.fields.get("elementdatafile" if header.is_metaimage else "datafile")
    if name is None or (header.is_metaimage and name in HERE):
        return header.path, header.end
    return _checked_data_file(header, name), 0


def _checked_data_file(header: TextHeader, name: str) -> Path:
    shown = name[:_SHOWN_OF_NAME] + ("…" if len(name) > _SHOWN_OF_NAME else "")
    shown = shown if shown.isprintable() else ascii(shown)
    is_pattern = "%" in name if header.is_metaimage else _NRRD_PATTERN.search(name)
    if name.startswith("LIST") or is_pattern:
        msg = f"{header.path} keeps its voxels in several files: save it as one .nrrd or .nii.gz file."
        raise UserError(msg)
    if PureWindowsPath(name).anchor or name.startswith("~") or ".." in re.split(r"[/\\]", name):
        msg = (
            f"{header.path} names voxels outside its own folder ({shown}): put that file beside it "
            "and correct the name."
        )
        raise UserError(msg)
    if not _is_regular(header.path.parent / name):
        msg = (
            f"{header.path} keeps its voxels in {shown}, which is not a file that can be read: put that file beside it."
        )
        raise UserError(msg)
    return header.path.parent / name


def _is_regular(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
