"""Names and places of files that are unusual, or that say something else than the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .case import Case, Handled, Refused, file
from .formats import metaimage, nifti, nrrd, zipped
from .grid import BODY

NAMES = {
    "with letters of other languages": "größe 肝臓 печень.nii",
    "with blanks": " a  liver .nii",
    "with quotes": 'it\'s "the" `CT` $HOME.nii',
    "with an emoji": "🫁🔥.nii.gz",
    "with letters in two parts": "Bru\u0308cke.nii",
    "with marks that write from right to left": "ct\u202egnp.nii",
    "with brackets that a console could take for colours": "[red]ct[bold].nii",
    "with a percent sign": "ct%s%d%n.nii",
    "with wildcards": "*?.nii",
    "with a backslash": "a\\b.nii",
    "of 255 bytes": "x" * 251 + ".nii",
    "in capitals": "CT.NII.GZ",
    "with dots": "a.nii.gz.nii",
    "of an ending alone": ".nii",
}
ITK_NAMES = {
    "with letters of other languages": "größe 肝臓 печень",
    "with blanks": " a  liver ",
    "with an emoji": "🫁🔥",
    "with a percent sign": "ct%s%d%n",
    "of 255 bytes": "x" * 250,
}
WRITERS = {".nrrd": nrrd(), ".mha": metaimage()}


def content(name: str) -> bytes:
    return zipped(nifti()) if name.lower().endswith(".gz") else nifti()


def deep(length: int) -> Callable[[Path], Path]:
    """A file whose path has at least so many bytes, its folders made one by one."""

    def make(folder: Path) -> Path:
        path, here = folder, os.open(folder, os.O_RDONLY)
        while len(os.fsencode(path)) < length - 110:
            os.mkdir("d" * 100, dir_fd=here)
            here, above = os.open("d" * 100, os.O_RDONLY, dir_fd=here), here
            os.close(above)
            path /= "d" * 100
        with os.fdopen(os.open("ct.nii", os.O_WRONLY | os.O_CREAT, dir_fd=here), "wb") as ct:
            ct.write(nifti())
        os.close(here)
        return path / "ct.nii"

    return make


def surrogate(folder: Path) -> Path:
    """A name in Latin-1, which is no UTF-8."""
    return file(os.fsdecode(b"gr\xf6\xdfe.nii"), nifti())(folder)


def in_folder(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).mkdir(parents=True)
        return file("ct.nii", nifti())(folder / name)

    return make


WRONG = {
    "ct.nii.gz": (nrrd(), "NRRD named .nii.gz", "is not a NIfTI file"),
    "ct.nii": (b"plain text, no image\n" * 40, "text named .nii", "is not a NIfTI file"),
    "scan.nii": (bytes(128) + b"DICM" + bytes(500), "DICOM named .nii", "is not a NIfTI file"),
    "scan.nrrd": (bytes(128) + b"DICM" + bytes(500), "DICOM named .nrrd", ""),
    "scan.mha": (bytes(128) + b"DICM" + bytes(500), "DICOM named .mha", ""),
    "scan": (
        bytes(128) + b"DICM" + bytes(500),
        "DICOM without an ending",
        "is not a DICOM file that says what it holds",
    ),
    "scan.dcm": (bytes(128) + b"DICM" + bytes(500), "one DICOM file", "is not a DICOM file that says what it holds"),
    "image.nrrd": (nifti(), "NIfTI named .nrrd", ""),
    "image.mha": (nifti(), "NIfTI named .mha", ""),
    "meta.nrrd": (metaimage(), "MetaImage named .nrrd", ""),
    "nrrd.mha": (nrrd(), "NRRD named .mha", ""),
    "zip.nii": (b"PK\x03\x04" + bytes(600), "zip named .nii", "is not a NIfTI file"),
    "picture.nii": (b"\x89PNG\r\n\x1a\n" + bytes(600), "PNG named .nii", "is not a NIfTI file"),
    "picture.nrrd": (b"\x89PNG\r\n\x1a\n" + bytes(600), "PNG named .nrrd", ""),
    "ct.hdr": (nifti()[:352], "Analyze header", "is in a format that cannot be read"),
    "ct.img": (BODY.voxels.tobytes(), "Analyze image", "is in a format that cannot be read"),
    "ct.nii.bz2": (b"BZh9", "bzip2", "is in a format that cannot be read"),
    "ct": (nifti(), "NIfTI without an ending", "is in a format that cannot be read"),
    "ct.mgz": (b"\x1f\x8b", "FreeSurfer", "is in a format that cannot be read"),
}
CASES = [
    *(Case(f"a name {words}", file(name, content(name)), Handled(BODY)) for words, name in NAMES.items()),
    *(
        Case(f"{ending} with a name {words}", file(name + ending, image), Handled(BODY))
        for words, name in ITK_NAMES.items()
        for ending, image in WRITERS.items()
    ),
    Case("a name with a line's end", file("two\nlines.nii", nifti()), Handled(BODY)),
    Case("a name that is no UTF-8", surrogate, Handled(BODY)),
    Case("a name with a dash first", file("-o.nii", nifti()), Handled(BODY)),
    Case("a name in its own folder", file("ct.nii", nifti()), Handled(BODY), relative=True),
    Case("a folder with letters of other languages", in_folder("größe/肝臓 1"), Handled(BODY)),
    Case("a path of some 3,000 bytes", deep(3000), Handled(BODY)),
    Case("a path of more than 4,096 bytes", deep(4300), Refused("File name too long")),
    Case("a name of more than 255 bytes", lambda folder: folder / ("x" * 300 + ".nii"), Refused("File name too long")),
    Case("a file that is not there", lambda folder: folder / "none.nii", Refused("does not exist")),
    Case("a file in a folder that is not there", lambda folder: folder / "none" / "ct.nii", Refused("does not exist")),
    Case("a name that ends in a slash", lambda folder: file("ct.nii", nifti())(folder) / "", Handled(BODY)),
    *(Case(words, file(name, image), Refused(expected)) for name, (image, words, expected) in WRONG.items()),
]
