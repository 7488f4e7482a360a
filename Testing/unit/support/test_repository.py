"""The places that tests work in: a file that is moved must not lose its data in silence."""

import os
from pathlib import Path

import pytest
from support.repository import LIBRARY, ROOT, SHARED, SUPPORT, TESTING

import LiverTumorSegLib

DATA = ("samples", "lits", "make_nifti.py")
"""Parts of the data that tests skip where they are not there."""

MOST_ENTRIES = 16


def test_the_places_are_those_of_this_repository():
    assert Path(__file__).resolve().is_relative_to(TESTING)
    assert TESTING.parent == ROOT
    assert (ROOT / "pyproject.toml").is_file()
    assert SUPPORT.is_dir()


def test_the_library_that_is_tested_is_that_of_this_repository():
    assert Path(LiverTumorSegLib.__file__).resolve().parent == LIBRARY


def test_data_beside_the_repository_are_found():
    named = os.environ.get("LIVERTUMORSEG_TEST_DATA")
    beside = [folder / "shared" for folder in Path(__file__).resolve().parents]
    if not named and not any(folder.is_dir() for folder in beside):
        pytest.skip("there are no data beside the repository")
    assert [name for name in DATA if not (SHARED / name).exists()] == [], f"not in {SHARED}"


def test_the_folder_of_tests_stays_one_that_can_be_read_at_a_glance():
    entries = [path.name for path in TESTING.iterdir() if not path.name.startswith((".", "__pycache__"))]
    assert len(entries) <= MOST_ENTRIES, sorted(entries)
