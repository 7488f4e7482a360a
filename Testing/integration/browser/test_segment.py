"""The page in a browser, from a CT given at start to its lesions."""

import re

import numpy as np
import pytest
from support import web_cases
from support.web_cases import SLICE_VIEWS, VIEWS

from LiverTumorSegLib.core.labels import LESION, LIVER
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder, store
from LiverTumorSegLib.pipeline import measure_and_write

MEASURES = (
    "number",
    "probability",
    "volume_ml",
    "axial_diameter_mm",
    "short_axial_diameter_mm",
    "diameter_mm",
    "mean_hu",
    "surface_distance_mm",
    "slice",
)
DECIMALS = (0, 0, 2, 1, 1, 1, 0, 1, 0)
"""Of the table's columns; the probability is told in percent."""

CONTROLS = "button|slider|combobox|textbox|checkbox|spinbutton|link"


@pytest.fixture(scope="module")
def site(small_phantom, tmp_path_factory):
    web_cases.need_browser()
    folder = tmp_path_factory.mktemp("site")
    write_volume(folder / "ct.nii.gz", small_phantom.volume)
    with web_cases.serving(folder, folder / "ct.nii.gz") as site:
        yield site


@pytest.fixture(scope="module")
def visit(site):
    with web_cases.chromium() as browser, web_cases.visiting(browser, site) as page:
        web_cases.has_ct(page)
        yield page


@pytest.fixture
def page(visit):
    yield visit
    assert visit.watch.take() == []


@pytest.fixture(scope="module")
def told(visit):
    """Stages and percents that were shown while the page segmented, started from the keyboard."""
    web_cases.can_segment(visit)
    tab_to(visit, "segment")
    visit.keyboard.press("Enter")
    told = []

    def done():
        told.append(visit.evaluate(PROGRESS))
        return told[-1][0] == "Done."

    web_cases.wait(visit, done, "the end of the segmentation")
    visit.wait_for_selector("#lesions")
    return [entry for entry in told if entry[2]]


PROGRESS = """() => {
    const bar = document.querySelector('#progress');
    const shown = bar.getClientRects().length > 0;
    return [document.querySelector('#stage').innerText, Number(bar.getAttribute('aria-valuenow')), shown];
}"""


@pytest.fixture(scope="module")
def headless(small_phantom):
    """What the library finds in the same CT with the same model."""
    found = segment(small_phantom.volume, model_folder.load(store.find_model()))
    return measure_and_write(found).lesions


def tab_to(page, name):
    page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == name:
            return
    pytest.fail(f"#{name} cannot be reached with Tab")


def test_the_token_leaves_the_address(page, site):
    assert "token=" in site.address
    assert "token" not in page.url
    assert page.url.startswith(site.origin)


def test_a_slice_view_follows_the_wheel(page):
    before, place = web_cases.settled(page, "Axial"), web_cases.places(page)
    web_cases.image(page, "Axial").hover(force=True)
    page.mouse.wheel(0, 240)
    web_cases.wait(page, lambda: web_cases.places(page)["Axial"] != place["Axial"], "another slice")
    assert (web_cases.settled(page, "Axial") != before).any()
    assert web_cases.places(page)["Coronal"] == place["Coronal"]


def test_progress_is_told_in_words_and_in_a_bar_that_only_grows(page, told):
    assert len({stage for stage, *_ in told}) >= 2
    percents = [percent for _, percent, _ in told]
    assert percents == sorted(percents)
    assert percents[-1] > percents[0]


def test_liver_and_lesions_are_shown_in_every_view(page, told):
    page.locator("#lesions tbody tr").first.click()
    for name in VIEWS:
        web_cases.wait(
            page,
            lambda view=name: web_cases.with_hue_of(web_cases.pixels(page, view), LIVER.rgb) > 500,
            f"the liver, {name}",
        )
    for name in SLICE_VIEWS:
        web_cases.wait(
            page,
            lambda view=name: web_cases.with_hue_of(web_cases.pixels(page, view), LESION.rgb) > 30,
            f"the lesion, {name}",
        )
    # seen through the liver, lesions are of a colour between both
    hue, saturation, _ = web_cases.hsv(web_cases.pixels(page, "3D"))
    assert ((hue > 35) & (hue < 130) & (saturation > 0.12)).sum() > 100


def test_the_table_is_what_the_library_measures(page, told, headless):
    rows = web_cases.table(page)
    assert len(rows) == len(headless.lesions) > 1
    for row, lesion in zip(rows, headless.lesions, strict=True):
        expected = [getattr(lesion, name) * (100 if name == "probability" else 1) for name in MEASURES]
        *measured, marked = row
        assert marked == "automatic"
        for name, cell, value, decimals in zip(MEASURES, measured, expected, DECIMALS, strict=True):
            assert float(cell) == pytest.approx(value, abs=0.501 * 10**-decimals + (name == "probability"))
    summary = page.inner_text("#summary")
    assert f"liver {headless.liver_ml:.0f} ml" in summary
    assert f"{len(headless.lesions)} lesions" in summary


@pytest.mark.parametrize(("row", "how"), [(1, "click"), (2, "Enter")])
def test_a_lesion_that_is_chosen_is_in_every_slice_view(page, told, headless, row, how):
    chosen = page.locator("#lesions tbody tr").nth(row)
    if how == "click":
        chosen.click()
    else:
        chosen.press(how)
    middle = np.mean(headless.lesions[row].axial_line_mm, axis=0)
    there = dict(zip(("Sagittal", "Coronal", "Axial"), middle, strict=True))
    web_cases.wait(page, lambda: web_cases.places(page) == pytest.approx(there, abs=0.06), f"the views at {there}")


def test_a_page_that_is_loaded_again_keeps_everything(page, told):
    rows, places = web_cases.table(page), web_cases.places(page)
    page.reload()
    web_cases.has_ct(page)
    page.wait_for_selector("#lesions")
    assert web_cases.table(page) == rows
    assert web_cases.places(page) == places
    for name in VIEWS:
        web_cases.wait(
            page,
            lambda view=name: web_cases.with_hue_of(web_cases.pixels(page, view), LIVER.rgb) > 500,
            f"the liver, {name}",
        )


def test_the_page_turns_dark_and_light_again(page):
    def brightness():
        png = page.locator("nav").screenshot()
        return np.asarray(web_cases.picture(png)).mean()

    light = brightness()
    assert light > 200
    page.click("#theme")
    web_cases.wait(page, lambda: brightness() < 90, "a dark page")
    page.click("#theme")
    web_cases.wait(page, lambda: brightness() > 200, "a light page")


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_nothing_overlaps_and_nothing_needs_scrolling_sideways(page, told, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    boxes = settled_boxes(page)
    for n, one in enumerate(boxes):
        assert one["x"] >= 0
        assert one["x"] + one["width"] <= size[0] + 1
        assert one["y"] + one["height"] <= size[1] + 1
        assert one["width"] > 200
        assert one["height"] > 200
        for other in boxes[n + 1 :]:
            assert apart(one, other), (one, other)
    for part in ("html", "nav", "nav > *"):
        for wide, seen in page.locator(part).evaluate_all(WIDTHS):
            assert wide <= seen


def test_results_and_tools_stand_above_the_fold_and_the_panel_can_be_folded_away(page, told):
    page.set_viewport_size({"width": 1440, "height": 900})
    settled_boxes(page)
    assert not page.locator("#setup").is_visible()
    for part in (".lts-table", "#click-add", "#tool-paint", "#remove"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 900, part
    assert page.evaluate(SMALL_TEXTS) == []
    tips = page.locator("#lesions th").evaluate_all("heads => heads.map(head => head.title)")
    assert "RECIST 1.1" in tips[3]
    assert all(tips)
    page.click("#setup-line")
    page.wait_for_selector("#options")
    assert page.get_attribute("#setup-line", "aria-expanded") == "true"
    assert page.evaluate(SMALL_TEXTS) == []
    page.click("#setup-line")
    page.wait_for_selector("#setup", state="hidden")
    page.click("#fold-panel")
    web_cases.wait(page, lambda: page.locator("#view-axial").bounding_box()["x"] == 0, "views without a panel")
    page.click("#fold-panel")
    page.wait_for_selector("#panel")


@pytest.mark.parametrize("size", [(700, 900), (480, 850), (390, 844)])
def test_on_a_narrow_window_the_views_have_its_width_and_the_panel_is_a_sheet_below(page, told, size):
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    nav, *views = settled_boxes(page)
    assert min(box["x"] for box in views) == nav["x"] == 0
    assert max(box["x"] + box["width"] for box in views) == nav["width"] == width
    assert max(box["y"] + box["height"] for box in views) <= nav["y"] + 1
    assert sum(box["width"] * box["height"] for box in views) > 0.4 * width * height
    assert page.evaluate("document.documentElement.scrollWidth") <= width


SMALL_TEXTS = """() => [...document.querySelectorAll("body *")].filter(node => node.getClientRects().length
    && [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim())
    && parseFloat(getComputedStyle(node).fontSize) < 14).map(node => node.outerHTML)"""


def settled_boxes(page):
    """Where the tools and the views are once they stay there, with pictures that the server drew for this size."""
    seen = []

    def settled():
        views = [web_cases.image(page, view) for view in VIEWS]
        seen.append([page.locator("nav").bounding_box(), *(view.bounding_box() for view in views)])
        fresh = all(view.evaluate(DRAWN_FOR_ITS_SIZE) for view in views)
        return fresh and len(seen) > MOMENT and all(boxes == seen[-1] for boxes in seen[-MOMENT:])

    web_cases.wait(page, settled, "views that fit the window and stay as they are")
    return seen[-1]


DRAWN_FOR_ITS_SIZE = """image => image.naturalWidth > 0
    && Math.abs(image.naturalWidth - image.clientWidth) <= 1
    && Math.abs(image.naturalHeight - image.clientHeight) <= 1"""
MOMENT = 10
"""Looks, 50 ms and more apart."""

WIDTHS = "elements => elements.map(element => [element.scrollWidth, element.clientWidth])"


def apart(one, other):
    return any(
        first[start] + first[extent] <= second[start] + 1
        for start, extent in (("x", "width"), ("y", "height"))
        for first, second in ((one, other), (other, one))
    )


def test_every_control_has_a_name_for_screen_readers(page, told):
    controls = re.findall(rf"- ((?:{CONTROLS})\b.*)", page.locator("body").aria_snapshot())
    assert len(controls) > 10
    framed = "combobox:"  # Vuetify's frame around one that has a name
    assert [each for each in controls if not re.match(r'\w+ ["/]', each) and each != framed] == []
