"""A visitor takes a result away from the browser, and corrects it."""

import csv
import math
import re
import zipfile
from contextlib import suppress

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from support import web_cases

from LiverTumorSegLib.core.labels import LESION
from LiverTumorSegLib.io.nifti import write_volume

VOLUME = 2
"""Column of the table, in ml."""

SAYS_THAT_IT_MEASURES = """() => {
    const table = document.querySelector('#lesions'), said = document.querySelector('#measuring');
    const look = () => {
        if (table.getAttribute('aria-busy') === 'true') window.ltsMeasuring = [said.innerText.trim(), 'true'];
    };
    new MutationObserver(look).observe(table, { attributes: true });
}"""


@pytest.fixture(scope="module")
def visit(small_phantom, tmp_path_factory):
    web_cases.need_browser()
    folder = tmp_path_factory.mktemp("site")
    write_volume(folder / "ct.nii.gz", small_phantom.volume)
    with (
        web_cases.serving(folder, folder / "ct.nii.gz") as site,
        web_cases.chromium() as browser,
        web_cases.visiting(browser, site) as page,
    ):
        web_cases.has_ct(page)
        web_cases.segment(page)
        yield page


@pytest.fixture
def page(visit):
    yield visit
    assert visit.watch.take() == []


def fetched(page, kind, folder):
    button = page.locator(f"#download-{kind}:not([disabled])")
    with page.expect_download() as waiting:
        button.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def volumes(page):
    return [float(row[VOLUME]) for row in web_cases.table(page)]


def liver_ml(page):
    return float(re.search(r"liver (\d+) ml", page.inner_text("#summary"))[1])


def test_the_labels_hold_what_the_table_says(page, small_phantom, tmp_path):
    nifti = nibabel.load(fetched(page, "nii-gz", tmp_path))
    labels = np.asarray(nifti.dataobj)
    assert nifti.affine == pytest.approx(small_phantom.volume.affine, abs=1e-4)
    ml = np.prod(nifti.header.get_zooms()) / 1000
    assert (labels > 0).sum() * ml == pytest.approx(liver_ml(page), abs=0.51)
    parts, count = ndimage.label(labels == 2)
    sizes = sorted(np.bincount(parts.ravel())[1:] * ml, reverse=True)
    assert count == len(sizes)
    assert sizes == pytest.approx(volumes(page), abs=0.0051)
    nrrd = sitk.GetArrayFromImage(sitk.ReadImage(str(fetched(page, "seg-nrrd", tmp_path))))
    assert (np.bincount(nrrd.ravel()) == np.bincount(labels.ravel())).all()


def test_the_csv_file_is_the_table_with_all_digits(page, tmp_path):
    with fetched(page, "csv", tmp_path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["volume_ml"]) for row in rows] == pytest.approx(volumes(page), abs=0.0051)
    assert {"centroid_r_mm", "burden_percent"} <= set(rows[0])


def test_the_surfaces_enclose_the_volumes(page, tmp_path):
    with zipfile.ZipFile(fetched(page, "stl", tmp_path)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".stl")]
        archive.extractall(tmp_path, names)
    enclosed = sorted(enclosed_ml(tmp_path / name) for name in names)
    assert enclosed[-1] == pytest.approx(liver_ml(page) - sum(volumes(page)), rel=0.1)
    whole = sum(ml for ml in volumes(page) if ml > 5)  # the surface of a few voxels is rounded, or smoothed away
    assert 0.5 * whole < sum(enclosed[:-1]) < 1.5 * sum(volumes(page))


def enclosed_ml(path):
    vtk = pytest.importorskip("vtk")
    reader, measures = vtk.vtkSTLReader(), vtk.vtkMassProperties()
    reader.SetFileName(str(path))
    measures.SetInputConnection(reader.GetOutputPort())
    return measures.GetVolume() / 1000


def test_the_report_lists_every_lesion(page, tmp_path):
    report = fetched(page, "report", tmp_path).read_text(encoding="utf-8")
    assert "not a medical device" in report
    assert report.count("<tbody") == len(volumes(page))
    assert "http://" not in report


def test_the_report_can_be_looked_at_in_the_page_and_names_the_ct_where_that_is_allowed(page):
    page.locator("#name-ct").check()
    page.click("#preview:not([disabled])")
    page.wait_for_selector("#preview-print:not([disabled])")
    shown = page.frame_locator("#preview-page")
    assert shown.locator("h1").inner_text() == "Liver and lesions in CT: ct"
    assert shown.locator("table.lesions tbody").count() == len(volumes(page))
    page.click("#preview-close")
    page.wait_for_selector("#preview-page", state="hidden")
    page.locator("#name-ct").uncheck()


def choose(page, row):
    """Bring all views to a lesion; it is then in the middle of each."""
    page.locator("#lesions tbody tr").nth(row).click()
    web_cases.settled(page, "Axial")


def stroke(page, view, right_by=0):
    """Draw with the pressed mouse over the middle of a view, or beside it."""
    box = web_cases.image(page, view).bounding_box()
    x, y = box["x"] + box["width"] / 2 + right_by, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(x + step * 3, y, steps=2)
    page.mouse.up()


def becomes(page, condition, what):
    web_cases.wait(page, lambda: condition(volumes(page)), what)


@pytest.fixture
def undone(page):
    """The table as it was before; every test puts it back."""
    from playwright.sync_api import TimeoutError as NotInTime

    before = volumes(page)
    yield before
    page.click("#tool-none")
    undo = page.locator("#undo:not([disabled])")
    while undo.count():
        with suppress(NotInTime):  # the page may move it, or undo what was clicked before, just now
            undo.click(timeout=2000)
        page.wait_for_timeout(200)
    becomes(page, lambda now: now == before, f"what was before: {before}")


def test_what_is_painted_is_measured_with_the_lesions(page, undone):
    choose(page, 0)
    page.click("#tool-paint")
    page.click("#kind-lesion")
    stroke(page, "Axial", right_by=-25)
    becomes(page, lambda now: sum(now) > sum(undone) + 0.3, "more lesion")


def test_what_is_erased_is_gone_from_the_table(page, undone):
    choose(page, 0)
    page.click("#tool-erase")
    page.evaluate(SAYS_THAT_IT_MEASURES)
    stroke(page, "Axial")
    becomes(page, lambda now: sum(now) < sum(undone) - 0.3, "less lesion")
    assert page.evaluate("window.ltsMeasuring") == ["Measuring…", "true"]
    web_cases.wait(page, lambda: page.get_attribute("#lesions", "aria-busy") != "true", "a table that is right")


def test_a_removed_lesion_leaves_the_others_with_their_numbers(page, undone):
    choose(page, 1)
    page.click("#remove")
    becomes(page, lambda now: now == [undone[0], *undone[2:]], "the others alone")
    assert [row[0] for row in web_cases.table(page)] == ["1", *(str(3 + n) for n in range(len(undone) - 2))]


def test_a_lesion_beyond_the_liver_is_asked_about(page, undone):
    choose(page, 0)
    page.click("#tool-paint")
    stroke(page, "Axial", right_by=-130)
    web_cases.says(page, "#outside", "would lie outside the liver")
    page.click("#outside-nothing")
    page.wait_for_selector("#outside", state="hidden")
    assert volumes(page) == undone


def test_the_slider_takes_fewer_and_more_lesions(page):
    before = web_cases.table(page)
    slider = page.locator("#sensitivity-slider [role=slider]")
    place = int(slider.get_attribute("aria-valuenow"))
    assert "About 1 false lesion a patient" in page.inner_text("#point-words")
    slide(page, "Home", 0)
    web_cases.says(page, "#point-words", "About 0 false lesions")
    becomes(page, lambda now: len(now) < len(before), "fewer lesions")
    page.click("#undo:not([disabled])")
    web_cases.wait(page, lambda: web_cases.table(page) == before, "what was before the slider was moved")
    page.locator(f"#sensitivity-slider [role=slider][aria-valuenow='{place}']").wait_for()
    page.click("#redo:not([disabled])")
    becomes(page, lambda now: len(now) < len(before), "fewer lesions again")
    page.locator("#sensitivity-slider [role=slider][aria-valuenow='0']").wait_for()
    for to in range(1, place + 1):
        slide(page, "ArrowRight", to)
    web_cases.wait(page, lambda: web_cases.table(page) == before, "what was before")


def slide(page, key, to):
    """Press a key on the slider once it takes keys: it takes none while the place before is measured."""
    page.locator(f"#sensitivity-slider [role=slider][tabindex='0']:not([aria-valuenow='{to}'])").press(key)
    page.locator(f"#sensitivity-slider [role=slider][aria-valuenow='{to}']").wait_for()


def slice_said(page, view="axial"):
    return int(re.search(r"slice (\d+) of", page.inner_text(f"#place-{view}"))[1])


WITHIN_THE_SHEET = """() => {
    const right = (found) => found.getBoundingClientRect().right;
    const cells = [...document.querySelectorAll('#help-sheet td')];
    const edge = right(document.querySelector('#help-sheet'));
    return window.innerWidth === 390 && cells.length && cells.every((cell) => right(cell) <= edge);
}"""


LATE_PICTURES = """() => {
    const src = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
    const set = function (to) { setTimeout(() => src.set.call(this, to), 700); };
    Object.defineProperty(HTMLImageElement.prototype, "src", { ...src, set });
    window.inTime = () => Object.defineProperty(HTMLImageElement.prototype, "src", src);
}"""


def test_a_row_goes_to_the_slice_that_was_measured_with_its_number_and_diameters(page):
    choose(page, 0)
    cells = web_cases.table(page)[0]
    column = page.locator("#lesions th button").all_inner_texts()
    (at,) = (n for n, name in enumerate(column) if "slice" in name.lower())
    web_cases.wait(page, lambda: slice_said(page) == int(cells[at]), "the slice of the table")
    number = page.locator("#view-axial .lts-number.lts-chosen")
    web_cases.wait(page, lambda: number.count() == 1, "the number of the lesion")
    assert re.fullmatch(rf"{cells[0]}: [\d.]+ × [\d.]+ mm", number.inner_text())
    assert page.locator("#view-axial .lts-long").count() == page.locator("#view-axial .lts-short").count() == 1
    box, label = web_cases.image(page, "Axial").bounding_box(), number.bounding_box()
    assert abs(label["x"] - box["x"] - box["width"] / 2) < box["width"] / 4


def test_a_label_waits_for_its_picture(page):
    web_cases.settled(page, "Axial")
    before, value = slice_said(page), page.input_value("#slider-axial")
    page.evaluate(LATE_PICTURES)
    page.locator("#view-axial [role=img][tabindex]").focus()
    page.keyboard.press("ArrowUp")
    web_cases.wait(page, lambda: page.input_value("#slider-axial") != value, "the slider of another slice")
    address = web_cases.image(page, "Axial").get_attribute("src")
    assert slice_said(page) == before
    web_cases.wait(page, lambda: slice_said(page) == before + 1, "the label of another slice")
    assert web_cases.image(page, "Axial").get_attribute("src") != address
    page.evaluate("window.inTime()")


def test_h_hides_what_is_drawn_over_the_ct(page):
    choose(page, 0)
    page.locator("#view-axial [role=img][tabindex]").focus()
    coloured = web_cases.with_hue_of(web_cases.settled(page, "Axial"), LESION.rgb)
    page.keyboard.press("h")
    web_cases.wait(page, lambda: page.locator(".lts-number").count() == 0, "no number")
    assert web_cases.with_hue_of(web_cases.settled(page, "Axial"), LESION.rgb) < coloured / 4
    page.keyboard.press("h")
    web_cases.wait(page, lambda: page.locator(".lts-number").count() > 0, "numbers")


def test_a_reader_measures_and_looks(page):
    choose(page, 0)
    box = web_cases.image(page, "Axial").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    web_cases.wait(page, lambda: page.inner_text("#view-axial .lts-place").count("HU") == 1, "HU under the pointer")
    window = page.inner_text("#window")
    for key, words in {"r": r"[\d.]+ mm", "e": r"-?\d+ ± \d+ HU\s+\d+ mm², \d+ voxels"}.items():
        page.keyboard.press(key)
        drag(page, (x - 40, y - 30), (x + 20, y + 30))
        web_cases.wait(page, lambda: page.locator("#view-axial .lts-measured button").count() == 1, "a measurement")
        assert re.match(words, page.locator("#view-axial .lts-measured").first.inner_text())
        assert page.locator("#view-coronal .lts-measured").count() == 0
        if key == "r":
            bar = page.locator("#bar-axial")
            mm_a_pixel = float(bar.inner_text().split()[0]) / bar.bounding_box()["width"]
            said = float(page.locator("#view-axial .lts-measured").inner_text().split()[0])
            assert said == pytest.approx(math.hypot(60, 60) * mm_a_pixel, rel=0.03)
        page.locator("#view-axial .lts-measured button").click()
        web_cases.wait(page, lambda: page.locator(".lts-measured").count() == 0, "nothing that was measured")
        page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.mouse.move(x - 40, y - 30)
    page.mouse.down()
    page.mouse.move(x + 20, y + 30, steps=4)
    page.keyboard.press("Escape")  # it is not wanted any more
    page.mouse.up()
    page.wait_for_timeout(300)
    assert page.locator(".lts-measured").count() == 0
    assert page.inner_text("#window") == window
    places = web_cases.places(page)
    page.mouse.click(x + 30, y + 20)
    web_cases.wait(page, lambda: web_cases.places(page)["Coronal"] != places["Coronal"], "another coronal slice")
    now = web_cases.places(page)
    assert now["Axial"] == places["Axial"]
    assert now["Coronal"] < places["Coronal"]  # further down is further back


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def test_a_sheet_lists_the_keys(page):
    page.keyboard.press("?")
    page.wait_for_selector("#help-sheet")
    assert "Ctrl+Shift+Z" in page.inner_text("#help-sheet")
    before = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(WITHIN_THE_SHEET)
    page.set_viewport_size(before)
    page.keyboard.press("Escape")
    page.wait_for_selector("#help-sheet", state="hidden")
    page.keyboard.press("3")
    web_cases.says(page, "#window", "1500 / -600 HU")
    page.keyboard.press("1")
    web_cases.says(page, "#window", "200 / 80 HU")


def test_a_heading_sorts_the_table(page):
    page.click("#lesions th:nth-child(3) button")
    becomes(page, lambda now: now == sorted(now, reverse=True), "the largest first")
    page.click("#lesions th:nth-child(3) button")
    becomes(page, lambda now: now == sorted(now), "the smallest first")
    assert page.get_attribute("#lesions th:nth-child(3)", "aria-sort") == "ascending"
    page.click("#lesions th:nth-child(1) button")
    becomes(page, lambda now: now == sorted(now, reverse=True), "as it was")
