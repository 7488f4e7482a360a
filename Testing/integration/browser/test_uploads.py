"""CTs that a visitor brings along, and what is none."""

import shutil

import numpy as np
import pytest
from support import web_cases
from support.dataset_cases import write_series

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io.nifti import write_volume

MOST_GB = 0.001


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    web_cases.need_browser()
    with web_cases.serving(tmp_path_factory.mktemp("site"), "--most-gb", MOST_GB) as site:
        yield site


@pytest.fixture(scope="module")
def browser(site):
    with web_cases.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def visit(browser, site):
    with web_cases.visiting(browser, site) as page:
        page.wait_for_selector("#choose-files")
        yield page


@pytest.fixture
def page(visit):
    yield visit
    assert visit.watch.take() == []


def ct(slices):
    """A CT whose number of slices tells it from others."""
    return phantom.create((slices, 48, 56), (8.0, 8.0, 8.0), seed=1, lesions=0).volume


def dicom(folder, slices):
    write_series(folder, ct(slices).voxels.astype(np.int16), "1.2.3")
    return folder


def choose(page, path, button="files"):
    web_cases.open_setup(page)
    with page.expect_file_chooser() as waiting:
        page.click(f"#choose-{button}:not([disabled])")
    waiting.value.set_files(path)


def drop(page, path):
    """As a file manager does."""
    browser = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 400, "data": data})


def opens(page, slices):
    web_cases.says(page, "#ct-size", f"56 × 48 × {slices} voxels")
    web_cases.has_ct(page)


def test_a_file_is_chosen(page, tmp_path):
    write_volume(tmp_path / "chosen.nii.gz", ct(20))
    choose(page, tmp_path / "chosen.nii.gz")
    opens(page, 20)
    assert page.inner_text("#ct-name") == "chosen"


def test_a_file_is_dropped_on_the_page(page, tmp_path):
    write_volume(tmp_path / "dropped.nii.gz", ct(21))
    drop(page, tmp_path / "dropped.nii.gz")
    opens(page, 21)
    assert page.inner_text("#ct-name") == "dropped"


def test_a_folder_of_dicom_files_is_dropped_on_the_page(page, tmp_path):
    drop(page, dicom(tmp_path / "scan", 28))
    opens(page, 28)


def test_a_folder_of_dicom_files_is_chosen(page, tmp_path):
    choose(page, dicom(tmp_path / "scan", 22), "folder")
    opens(page, 22)


def test_a_zip_file_of_dicom_files_is_chosen(page, tmp_path):
    choose(page, shutil.make_archive(str(tmp_path / "scan"), "zip", dicom(tmp_path / "scan", 23)))
    opens(page, 23)


@pytest.mark.parametrize(
    ("name", "content"),
    [("notes.nii.gz", b"not a CT"), ("empty.nrrd", b""), ("setup.exe", b"MZ" * 99), ("half.zip", b"PK\x03\x04")],
)
def test_what_is_no_ct_is_told_in_a_sentence_and_the_page_goes_on(page, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    choose(page, tmp_path / name)
    web_cases.says(page, "#ct-error", name)
    assert str(tmp_path) not in page.inner_text("body")
    write_volume(tmp_path / "sound.nii.gz", ct(24))
    choose(page, tmp_path / "sound.nii.gz")
    opens(page, 24)
    assert page.locator("#ct-error").count() == 0


def test_what_is_too_large_is_told_before_it_is_sent(page, tmp_path):
    path = tmp_path / "large.nii.gz"
    path.write_bytes(bytes(round(MOST_GB * 1e9) + 1))
    choose(page, path)
    web_cases.says(page, "#ct-error", "large.nii.gz is too large")
    assert all("400" in fault or "413" in fault for fault in page.watch.take())  # Chromium's word on the refusal


def test_every_visitor_has_a_ct_of_their_own(browser, site, page, tmp_path):
    write_volume(tmp_path / "first.nii.gz", ct(26))
    choose(page, tmp_path / "first.nii.gz")
    opens(page, 26)
    with web_cases.visiting(browser, site) as other:
        write_volume(tmp_path / "second.nii.gz", ct(27))
        choose(other, tmp_path / "second.nii.gz")
        opens(other, 27)
    assert page.inner_text("#ct-name") == "first"
