"""Labels that are to go where they cannot or must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .case import Case, Handled, Refused, file
from .formats import nifti, nrrd, zipped
from .grid import BODY

CT = file("ct.nii", nifti())


def with_labels(name: str) -> Callable[[Path], Path]:
    """A CT, and something that has the labels' name already."""

    def make(folder: Path) -> Path:
        (folder.parent / "out" / name).write_text("mine")
        return CT(folder)

    return make


def with_link(target: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder.parent / "out" / "labels.nii").symlink_to(target)
        return CT(folder)

    return make


def with_folder(folder: Path) -> Path:
    (folder.parent / "out" / "labels.nii").mkdir()
    return CT(folder)


def with_locked_folder(folder: Path) -> Path:
    (folder.parent / "out").chmod(0o500)
    return CT(folder)


REPLACE = ("--overwrite",)
CASES = [
    Case("labels onto the CT", CT, Refused("exists already"), output="ct.nii"),
    Case("labels onto the CT, replacing", CT, Refused("is the CT itself"), output="ct.nii", options=REPLACE),
    Case(
        "labels onto a zipped CT, replacing",
        file("ct.nii.gz", zipped(nifti())),
        Refused("is the CT itself"),
        output="ct.nii.gz",
        options=REPLACE,
    ),
    Case(
        "labels onto an NRRD CT, by another way",
        file("ct.nrrd", nrrd()),
        Refused("is the CT itself", "ct.nrrd"),
        output="../in/../in/ct.nrrd",
        options=REPLACE,
    ),
    Case(
        "labels onto a link to the CT, replacing",
        with_link("../in/ct.nii"),
        Refused("is the CT itself", "labels.nii"),
        output="../out/labels.nii",
        options=REPLACE,
    ),
    Case("labels onto a file that is there", with_labels("labels.nii.gz"), Refused("exists already", "labels.nii.gz")),
    Case("labels onto a file that is there, replacing", with_labels("labels.nii.gz"), Handled(BODY), options=REPLACE),
    Case("labels into a folder that is not there", CT, Handled(BODY), output="../out/a/b/labels.nii.gz"),
    Case(
        "labels into a file",
        with_labels("file"),
        Refused("cannot be written", "labels.nii"),
        output="../out/file/labels.nii",
    ),
    Case("labels onto a folder", with_folder, Refused("exists already", "labels.nii"), output="../out/labels.nii"),
    Case(
        "labels onto a folder, replacing",
        with_folder,
        Refused("is a folder", "labels.nii"),
        output="../out/labels.nii",
        options=REPLACE,
    ),
    Case(
        "labels without an ending", CT, Refused("in a format that cannot be written", "labels"), output="../out/labels"
    ),
    Case(
        "labels as MetaImage",
        CT,
        Refused("in a format that cannot be written", "labels.mha"),
        output="../out/labels.mha",
    ),
    Case(
        "labels as a picture",
        CT,
        Refused("in a format that cannot be written", "labels.png"),
        output="../out/labels.png",
    ),
    Case("labels as nothing but an ending", CT, Handled(BODY), output="../out/.nii"),
    Case("labels with a name of 255 bytes", CT, Handled(BODY), output=f"../out/{'x' * 248}.nii.gz"),
    Case(
        "labels with a name of more than 255 bytes",
        CT,
        Refused("File name too long", "xxx.nii"),
        output=f"../out/{'x' * 300}.nii",
    ),
    Case("labels with letters of other languages", CT, Handled(BODY), output="../out/größe 肝臓 🫁.nii.gz"),
    Case("labels with letters of other languages as NRRD", CT, Handled(BODY), output="../out/größe 肝臓 🫁.seg.nrrd"),
    Case("labels on a device", CT, Refused("in a format that cannot be written", "null"), output="/dev/null"),
    Case(
        "labels in the kernel's files", CT, Refused("cannot be written", "labels.nii"), output="/proc/self/labels.nii"
    ),
    Case(
        "labels into a folder that may not be written",
        with_locked_folder,
        Refused("Permission denied", "labels"),
        unprivileged=True,
    ),
]
