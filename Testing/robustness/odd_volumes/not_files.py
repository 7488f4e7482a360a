"""Things with a CT's name that are a link, a pipe, a folder, a device, or not to be read."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from .case import Case, Handled, Refused, file
from .formats import metaimage, nifti, nrrd, zipped
from .grid import BODY
from .whole_formats import DETACHED

WHOLE = {"ct.nii": nifti(), "ct.nii.gz": zipped(nifti()), "ct.nrrd": nrrd(), "ct.mha": metaimage()}
NO_FILE = "is not a regular file"


def link(name: str, target: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).symlink_to(target)
        return folder / name

    return make


def linked(name: str, content: bytes) -> Callable[[Path], Path]:
    """A link to a whole file that has no ending itself."""

    def make(folder: Path) -> Path:
        file("content", content)(folder)
        return link(name, "content")(folder)

    return make


def pipe(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        os.mkfifo(folder / name)
        return folder / name

    return make


def listening(folder: Path) -> Path:
    """A socket."""
    here = Path.cwd()
    os.chdir(folder)  # the whole path is too long for its address
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("ct.nii")
    finally:
        os.chdir(here)
    return folder / "ct.nii"


def folder_named(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).mkdir()
        return folder / name

    return make


def locked(folder: Path) -> Path:
    path = file("ct.nii", nifti())(folder)
    path.chmod(0)
    return path


def locked_folder(folder: Path) -> Path:
    (folder / "locked").mkdir()
    path = file("ct.nii", nifti())(folder / "locked")
    path.parent.chmod(0)
    return path


def beside(header: str, target: str) -> Callable[[Path], Path]:
    """A header whose voxels are a link."""

    def make(folder: Path) -> Path:
        (folder / "voxels.raw").symlink_to(target)
        return file(header, DETACHED[header])(folder)

    return make


DEVICES = [Path(name) for name in ("/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem")]
CASES = [
    *(Case(f"a link to {name}", linked(name, content), Handled(BODY)) for name, content in WHOLE.items()),
    *(Case(f"a broken link {name}", link(name, "none"), Refused("does not exist")) for name in WHOLE),
    *(Case(f"a link {name} to itself", link(name, name), Refused("does not exist")) for name in WHOLE),
    *(Case(f"a pipe {name}", pipe(name), Refused(NO_FILE)) for name in (*WHOLE, "ct.nhdr", "without an ending")),
    *(Case(f"a link {name} to nothing", link(name, "/dev/null"), Refused(NO_FILE)) for name in WHOLE),
    *(Case(f"a link {name} to zeros without end", link(name, "/dev/zero"), Refused(NO_FILE)) for name in WHOLE),
    *(Case(f"a link {name} to a terminal", link(name, "/dev/tty"), Refused(NO_FILE)) for name in ("ct.nii",)),
    *(Case(f"a folder {name}", folder_named(name), Refused("holds no DICOM images")) for name in WHOLE),
    *(
        Case(
            f"{name} with voxels that are zeros without end",
            beside(name, "/dev/zero"),
            Refused("which is not a file that can be read"),
        )
        for name in DETACHED
    ),
    *(
        Case(f"{name} with voxels that are a broken link", beside(name, "none"), Refused("voxels.raw"))
        for name in DETACHED
    ),
    *(Case(f"a device {path.name}", lambda _, path=path: path, Refused((NO_FILE, "is empty"))) for path in DEVICES),
    Case("a socket", listening, Refused(NO_FILE)),
    Case("a file that may not be read", locked, Refused("Permission denied"), unprivileged=True),
    Case("a folder that may not be entered", locked_folder, Refused("Permission denied"), unprivileged=True),
]
