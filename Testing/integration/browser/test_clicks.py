"""A visitor adds and improves lesions by clicks: with the mouse, with a finger, and with the keyboard alone."""

import time

import pytest
from support import web_cases
from support.click_cases import LESIONS, clicked_ct, save_click_model

from LiverTumorSegLib.core.about import CLICK_MODEL
from LiverTumorSegLib.io.nifti import write_volume

SMALL_ML, LARGE_ML = (4.19e-3 * radius**3 for _, radius in LESIONS.values())


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A browser, and the site that it may visit."""
    web_cases.need_browser()
    folder = tmp_path_factory.mktemp("site")
    write_volume(folder / "ct.nii.gz", clicked_ct())
    save_click_model(folder / "models" / CLICK_MODEL)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LIVERTUMORSEG_MODELS", str(folder / "models"))
        with web_cases.serving(folder, folder / "ct.nii.gz") as site, web_cases.chromium() as browser:
            yield browser, site


@pytest.fixture(scope="module")
def visit(opened):
    with web_cases.visiting(*opened) as page:
        web_cases.has_ct(page)
        web_cases.can_segment(page)
        yield page


@pytest.fixture
def page(visit):
    """The page without a lesion; every test leaves it so."""
    yield visit
    visit.keyboard.press("Escape")
    web_cases.wait(visit, lambda: not undone(visit), "nothing that could be undone")
    web_cases.wait(visit, lambda: volumes(visit) == [], "no lesion")
    assert visit.watch.take() == []


def undone(page):
    if page.locator("#undo:not([disabled])").count():
        page.keyboard.press("Control+z")
        return True
    return False


def volumes(page):
    return [float(row[2]) for row in web_cases.table(page)]


def middle(page, view):
    box = web_cases.image(page, view).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def points(page, view):
    return page.locator(f"#view-{view.lower()} .lts-point")


def one_lesion(page, ml):
    web_cases.wait(
        page,
        lambda: volumes(page) == [pytest.approx(ml, rel=0.6)],
        lambda: f"a lesion of about {ml} ml, and not {volumes(page)} ml: {page.inner_text('#click-hint')}",
    )


def test_with_the_mouse_a_lesion_is_added_and_a_click_removed_again(page):
    page.click("#click-add")
    page.mouse.click(*middle(page, "Axial"))
    one_lesion(page, LARGE_ML)
    assert page.locator("#clicks li").all_inner_texts()[0].split() == ["+", "1", "inside"]
    assert points(page, "Axial").inner_text().split() == ["+", "1"]
    before = volumes(page)
    page.click("#click-improve")
    x, y = middle(page, "Coronal")
    page.keyboard.down("Control")
    page.mouse.click(x + 25, y)
    page.keyboard.up("Control")
    web_cases.wait(page, lambda: volumes(page) != before, "another lesion")
    assert points(page, "Coronal").nth(1).inner_text().split() == ["−", "2"]
    assert web_cases.table(page)[0][-1] == "2 clicks"
    page.locator(".lts-remove-click").nth(1).click()
    web_cases.wait(page, lambda: volumes(page) == before, "the lesion as it was")
    assert points(page, "Axial").count() == 1


def test_a_click_is_dragged_to_another_place_and_that_is_undone(page):
    page.click("#click-add")
    page.mouse.click(*middle(page, "Axial"))
    one_lesion(page, LARGE_ML)
    before, window, at = volumes(page), page.inner_text("#window"), points(page, "Axial").bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 70, y + 60, steps=4)  # into the liver
    page.mouse.up()
    web_cases.wait(page, lambda: volumes(page) != before, "another lesion")
    moved = points(page, "Axial").bounding_box()
    assert (moved["x"] - at["x"], moved["y"] - at["y"]) == (pytest.approx(70, abs=3), pytest.approx(60, abs=3))
    assert (page.locator("#clicks li").count(), page.inner_text("#window")) == (1, window)
    page.keyboard.press("Control+z")
    web_cases.wait(page, lambda: volumes(page) == before, "the lesion as it was")


def test_a_finger_taps_and_two_fingers_do_not(page):
    touch = page.context.new_cdp_session(page)

    def tap(*places):
        fingers = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)]
        for count in range(1, len(fingers) + 1):
            touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": fingers[:count]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    page.click("#click-add")
    x, y = middle(page, "Sagittal")
    tap((x, y), (x + 60, y))
    page.wait_for_timeout(300)
    assert page.locator("#clicks li").count() == 0
    tap((x, y))
    one_lesion(page, LARGE_ML)


def test_a_second_finger_leaves_a_mark_that_is_dragged_where_it_was(page):
    touch = page.context.new_cdp_session(page)

    def send(kind, *places):
        fingers = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    page.click("#click-add")
    page.mouse.click(*middle(page, "Axial"))
    one_lesion(page, LARGE_ML)
    before, at = volumes(page), points(page, "Axial").bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    send("touchStart", (x, y))
    send("touchMove", (x + 60, y + 40))
    web_cases.wait(page, lambda: points(page, "Axial").bounding_box() != at, "a mark that follows the finger")
    send("touchStart", (x + 60, y + 40), (x + 60, y - 40))
    web_cases.wait(page, lambda: points(page, "Axial").bounding_box() == at, "the mark where it was")
    send("touchEnd")
    page.wait_for_timeout(300)
    assert (volumes(page), points(page, "Axial").bounding_box()) == (before, at)


def test_a_drag_moves_the_window_and_clicks_nothing(page):
    page.click("#click-add")
    before = page.inner_text("#window")
    x, y = middle(page, "Axial")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 20, steps=4)
    page.mouse.up()
    web_cases.wait(page, lambda: page.inner_text("#window") != before, "another window")
    assert page.locator("#clicks li").count() == 0
    assert page.get_attribute("#click-add", "aria-pressed") == "true"


def test_a_script_that_comes_late_still_takes_its_keys_first(opened):
    with web_cases.visiting(*opened) as page:  # of a session in which no mode is left from before
        page.route("**/clicks.js", lambda route: (time.sleep(1), route.continue_()))
        page.reload()
        web_cases.has_ct(page)
        page.unroute("**/clicks.js")
        web_cases.can_segment(page)
        page.click("#click-add")
        page.wait_for_selector("#click-add[aria-pressed=true]")
        page.keyboard.press("Escape")
        page.wait_for_selector("#click-add[aria-pressed=false]")


def test_with_the_keyboard_alone_a_lesion_is_added_improved_and_undone(page):
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("a")
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.ariaLabel") == "Axial view":
            break
    else:
        pytest.fail("Tab never comes to the axial view")
    for key, times in {"ArrowLeft": 14, "ArrowUp": 15, "PageDown": 5}.items():  # to the small lesion
        for _ in range(times):
            page.keyboard.press(key)
    page.keyboard.press("Enter")
    one_lesion(page, SMALL_ML)
    before = volumes(page)
    page.wait_for_selector("#click-improve:enabled")
    page.evaluate("trame.client.beginBusy()")  # the mode is held back, as while an answer is on its way
    for key in ["i", "t", *["ArrowRight"] * 4, "Enter"]:
        page.keyboard.press(key)
    page.evaluate("trame.client.endBusy()")
    web_cases.wait(page, lambda: volumes(page) != before, "another lesion")
    page.keyboard.press("Control+z")
    web_cases.wait(page, lambda: volumes(page) == before, "the lesion as it was")
    page.keyboard.press("Control+Shift+z")
    web_cases.wait(page, lambda: volumes(page) != before, "the click again")
    page.keyboard.press("Escape")
    assert page.get_attribute("#click-improve", "aria-pressed") == "false"
