"""Parts that tests of the service's network side share: a series in files, parts that take images, and patience."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support import archive_cases, dicom_slices, system_libraries
from support.pacs_core_cases import PacsService

PACKAGE = "LiverTumorSegLib.apps.pacs"


@pytest.fixture
def make_service(tmp_path):
    """Make the parts of a service that take images, of sections of its configuration."""
    made = []

    def make(**sections) -> PacsService:
        made.append(PacsService(tmp_path, **sections))
        return made[-1]

    yield make
    for service in made:
        service.queue.close()


def images(service: PacsService) -> list[Path]:
    """The files of all images that a service has taken and keeps."""
    return sorted(service.folder.series.glob("*/*.dcm"))


def series(folder: Path, count: int = 3, **changes) -> list[Path]:
    """The files of a CT series; each image has these attributes, and UIDs that are true ones."""
    made = dicom_slices.plain(count=count)
    for one in made:
        for keyword, value in changes.items():
            setattr(one, keyword, value)
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    return dicom_slices.write(made, folder)


def dcmtk(name: str, *arguments: str | Path | int) -> subprocess.CompletedProcess:
    """Run one of dcmtk's programs, to its end."""
    archive_cases.need("storescu")
    command = [str(system_libraries.program(name)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=archive_cases.PATIENCE)


def until(reached: Callable[[], bool]) -> None:
    """Wait for what has to come."""
    end = time.monotonic() + archive_cases.PATIENCE
    while not reached():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


def assert_no_identifiers(words: str) -> None:
    """Nothing in a sentence or a log tells whose images these are."""
    for secret in ("1.2.3", "1.2.9", "Some^One", "/studies"):
        assert secret not in words
