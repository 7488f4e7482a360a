"""Attacks on the zip file of a sound model folder: ``ATTACKS[name](files, archive)`` writes one.

``files`` is what a model folder holds, by name. None may write anything outside the folder it is unpacked to.
"""

import io
import stat
import struct
import warnings
import zipfile

from LiverTumorSegLib.models import model_folder

ATTACKS = {}
HARMLESS = {}
"""Those whose model is sound, and the rest of which is left where it is."""


def attack(function):
    ATTACKS[function.__name__.replace("_", " ")] = function
    return function


def pack(archive, entries, method=zipfile.ZIP_DEFLATED):
    with warnings.catch_warnings(), zipfile.ZipFile(archive, "w", method) as written:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in entries:
            written.writestr(name, content)


def _beside(title, *names):
    """A sound model with entries that would be written elsewhere by who takes their names for paths."""

    def write(files, archive):
        pack(archive, [*files.items(), *((name, b"evil") for name in names)])

    HARMLESS[title] = write


_beside("an entry above", "../evil", "../../evil", "a/../../evil")
_beside("an absolute entry", "/tmp/evil-livertumorseg", "//evil/evil")
_beside("entries of Windows", "..\\evil", "C:\\evil", "C:evil", "\\\\host\\evil", "CON", "aux.txt", "evil:stream")
_beside("names in other cases", "MODEL.JSON", "Weights.SafeTensors", "readme.md")
_beside("another archive within", "inner.zip", "inner/inner.zip")
_beside("code beside it", "__init__.py", "setup.py", "conftest.py", "weights.pth", "x.pkl")


def _under(title, prefix):
    """The model's own files under another path, of which the last part alone counts."""
    HARMLESS[title] = lambda files, archive: pack(archive, [(prefix + name, body) for name, body in files.items()])


_under("a model above", "../../../")
_under("a model at the root", "/")
_under("a model deep within", "a/" * 1000)


def _in_place(title, name, change):
    """Another entry in the place of one of the model's files."""

    def write(files, archive):
        others = [(other, body) for other, body in files.items() if other != name]
        pack(archive, [*others, change(files[name])])

    ATTACKS[title] = write


def _link(name, target):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry, target


def _device(name):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFCHR | 0o666) << 16
    return entry, b""


_in_place("weights that are a link", model_folder.WEIGHTS, lambda _: _link(model_folder.WEIGHTS, "/etc/passwd"))
_in_place(
    "a description that is a link", model_folder.DESCRIPTION, lambda _: _link(model_folder.DESCRIPTION, "/etc/passwd")
)
_in_place("weights that are a device", model_folder.WEIGHTS, lambda _: _device(model_folder.WEIGHTS))
_in_place("a model of Windows' paths", model_folder.DESCRIPTION, lambda body: ("..\\" + model_folder.DESCRIPTION, body))
_in_place("a description in capitals", model_folder.DESCRIPTION, lambda body: (model_folder.DESCRIPTION.upper(), body))
_in_place("weights of another model", model_folder.WEIGHTS, lambda body: (model_folder.WEIGHTS, body[:-4] + b"evil"))


def _zeros(name, count):
    """That many zeros, as small as they get."""

    def write(files, archive):
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
            for other, body in files.items():
                if other != name:
                    written.writestr(other, body)
            with written.open(name, "w", force_zip64=True) as entry:
                for _ in range(count >> 20):
                    entry.write(bytes(1 << 20))

    return write


ATTACKS["a bomb for weights"] = _zeros(model_folder.WEIGHTS, 256 << 20)
ATTACKS["a bomb for a description"] = _zeros(model_folder.DESCRIPTION, 64 << 20)
ATTACKS["a bomb for a card"] = _zeros(model_folder.CARD, 64 << 20)


def _patched(files, archive, change):
    """A sound archive with some of its bytes changed."""
    held = io.BytesIO()
    pack(held, files.items())
    content = bytearray(held.getvalue())
    change(content)
    archive.write_bytes(content)


def _central(content, at, kind, value):
    """Change a number in each entry of the table at the end."""
    place = content.find(b"PK\1\2")
    while place >= 0:
        struct.pack_into(kind, content, place + at, value)
        place = content.find(b"PK\1\2", place + 4)


def _lying(title, at, kind, value):
    ATTACKS[title] = lambda files, archive: _patched(files, archive, lambda c: _central(c, at, kind, value))


_lying("sizes of four gigabytes", 24, "<I", 0xFFFFFFFE)
_lying("sizes of nothing", 24, "<I", 0)
_lying("entries that begin beyond the file", 42, "<I", 0xFFFFFFF0)
_lying("entries that begin in each other", 42, "<I", 20)
_lying("a method that does not exist", 10, "<H", 99)
_lying("the method lzma", 10, "<H", 14)
_lying("encrypted entries", 8, "<H", 1)
_lying("other checksums", 16, "<I", 1)


@attack
def a_damaged_stream(files, archive):
    def change(content):
        name = model_folder.WEIGHTS.encode()
        at = content.find(name) + len(name)
        content[at : at + 40] = b"\xff" * 40

    _patched(files, archive, change)


@attack
def two_models(files, archive):
    pack(archive, [(f"{folder}/{name}", body) for folder in "ab" for name, body in files.items()])


@attack
def a_file_twice(files, archive):
    pack(archive, [*files.items(), (model_folder.DESCRIPTION, files[model_folder.DESCRIPTION])])


@attack
def an_archive_in_an_archive(files, archive):
    held = io.BytesIO()
    pack(held, files.items())
    pack(archive, [("model.zip", held.getvalue())])


@attack
def half_an_archive(files, archive):
    pack(archive, files.items())
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])


@attack
def no_archive(files, archive):
    archive.write_bytes(b"#!/bin/sh\ntouch evil\n")


@attack
def packed_by_bzip2(files, archive):
    pack(archive, files.items(), zipfile.ZIP_BZIP2)


@attack
def packed_by_lzma(files, archive):
    pack(archive, files.items(), zipfile.ZIP_LZMA)
