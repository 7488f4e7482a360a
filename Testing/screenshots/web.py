"""Pictures of the page of `livertumorseg web` in each of its states, into Resources/Screenshots.

    python Testing/screenshots/web.py

Each state is taken at three sizes of a window, of which the names tell the narrower ones, on a light page and on a dark
one. They are of the real page in a real Chromium, with a made-up CT; nothing in them is drawn by hand. Dark pictures
are there to be looked at: those that the repository does not keep lie in build/screenshots.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import web_cases
from support.repository import ROOT

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io.nifti import write_volume

TARGET, LOOKED_AT = ROOT / "Resources" / "Screenshots", ROOT / "build" / "screenshots"
THEMES = ("light", "dark")
KEPT_DARK = ("result", "setup")
SIZES = {"": (1440, 900), "-700": (700, 900), "-390": (390, 844)}
SHAPE, SPACING, SEED = (72, 256, 256), (3.0, 1.5, 1.5), 3
BEGUN = "() => Number(document.querySelector('#progress').getAttribute('aria-valuenow')) >= 20"


def main() -> None:
    with tempfile.TemporaryDirectory() as name, web_cases.chromium() as browser:
        folder = Path(name)
        write_volume(folder / "phantom.nii.gz", phantom.create(SHAPE, SPACING, seed=SEED).volume)
        with web_cases.serving(folder) as site:
            empty(browser, site, folder)
        with web_cases.serving(folder, folder / "phantom.nii.gz") as site:
            at_work(browser, site)


def empty(browser, site, folder: Path) -> None:
    """Without a CT, and with what is none."""
    (folder / "notes.nii.gz").write_text("not a CT")
    with web_cases.visiting(browser, site, SIZES[""]) as page:
        page.wait_for_selector("#choose-files")
        take(page, "start")
        with page.expect_file_chooser() as waiting:
            page.click("#choose-files")
        waiting.value.set_files(folder / "notes.nii.gz")
        web_cases.says(page, "#ct-error", "notes.nii.gz")
        take(page, "error")


def at_work(browser, site) -> None:
    """From the CT to its corrections, and a second visitor meanwhile."""
    with web_cases.visiting(browser, site, SIZES[""]) as page, web_cases.visiting(browser, site, SIZES[""]) as second:
        for each in (page, second):
            web_cases.has_ct(each)
            web_cases.can_segment(each)
        take(page, "loaded")
        for each in (page, second):
            each.locator("#segment").dispatch_event("click")  # without the waves that a pointer leaves on a button
        web_cases.says(second, "#stage", "Waiting")
        both(second, "waiting", rests=False)
        page.wait_for_function(BEGUN, polling=20)
        both(page, "running", rests=False)
        web_cases.says(page, "#stage", "Done.")
        with_result(page)


def with_result(page) -> None:
    """Light and dark, the setup, the report, a lesion that was chosen, and painting."""
    take(page, "result", shows="#summary")
    page.click("#fold-panel")
    take(page, "folded")
    page.click("#fold-panel")
    page.click("#setup-line")
    take(page, "setup", shows="#setup-line")
    page.click("#setup-line")
    page.click("#preview")
    page.wait_for_selector("#preview-print:not([disabled])")
    take(page, "report", rests=False)
    page.click("#preview-close")
    page.locator("#lesions tbody tr").first.click()
    take(page, "lesion", shows="#lesions")
    measured(page)
    clicks(page)
    painting(page)


def painting(page) -> None:
    """A stroke that is being drawn, which a window of another size would end; a stroke for each picture."""
    page.click("#tool-paint")
    for ending, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.locator("#tool-paint").scroll_into_view_if_needed()
        for theme in THEMES:
            turn(page, theme)
            web_cases.settled(page, "Axial")
            box = web_cases.image(page, "Axial").bounding_box()
            y = box["y"] + box["height"] * 0.44  # in the liver: of what lies beyond it the page would ask
            page.mouse.move(box["x"] + box["width"] * 0.46, y)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] * 0.54, y, steps=10)
            _take(page, file_of("painting", theme, ending), rests=True)
            page.mouse.up()
            page.click("#undo")
            web_cases.can_segment(page)
    turn(page, "light")


def measured(page) -> None:
    """A ruler and an ellipse with the HU under the pointer, the CT alone, and the keys."""
    box = web_cases.image(page, "Axial").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for key, start, end in (("r", (-50, -58), (62, -58)), ("e", (20, 24), (52, 52))):
        page.keyboard.press(key)
        page.mouse.move(x + start[0], y + start[1])
        page.mouse.down()
        page.mouse.move(x + end[0], y + end[1], steps=4)
        page.mouse.up()
        page.keyboard.press("Escape")
    page.locator("#view-axial .lts-measured button").nth(1).wait_for()
    page.mouse.move(x - 35, y + 35)
    page.wait_for_selector("#hu-axial")
    take(page, "measured")
    page.keyboard.press("h")
    take(page, "hidden")
    page.keyboard.press("h")
    for _ in range(2):
        page.keyboard.press("Delete")
    page.keyboard.press("?")
    page.wait_for_selector("#help-sheet")
    take(page, "keys")
    page.keyboard.press("Escape")
    page.wait_for_selector("#help-sheet", state="hidden")


def clicks(page) -> None:
    """A click into the chosen lesion and one beside it, which are then taken back."""
    page.click("#click-improve")
    box = web_cases.image(page, "Axial").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for side, away in (("inside", 0), ("outside", 45)):
        page.click(f"#click-{side}")
        page.mouse.click(middle[0] + away, middle[1])
        web_cases.says(page, "#clicks", side)
        web_cases.says(page, "#click-said", "by the model")
    page.mouse.move(5, 5)
    web_cases.can_segment(page)
    take(page, "clicks", shows="#clicking")
    page.keyboard.press("Escape")
    for _ in range(2):
        page.click("#undo")
        web_cases.can_segment(page)


def take(page, name: str, *, rests: bool = True, shows: str = "") -> None:
    """Pictures at every size, once nothing moves where it is a state of rest."""
    for ending, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        if shows:
            page.locator(shows).scroll_into_view_if_needed()
        both(page, name, ending, rests=rests)
    width, height = SIZES[""]
    page.set_viewport_size({"width": width, "height": height})


def both(page, name: str, ending: str = "", *, rests: bool = True) -> None:
    """A picture on a light page and one on a dark page."""
    for theme in THEMES:
        turn(page, theme)
        _take(page, file_of(name, theme, ending), rests=rests)
    turn(page, "light")


def turn(page, theme: str) -> None:
    """Have the page light or dark."""
    page.evaluate("theme => window.trame.state.set('theme', theme)", theme)
    page.wait_for_selector(f".v-application.v-theme--{theme}")


def file_of(name: str, theme: str, ending: str) -> Path:
    """Where a picture goes."""
    if theme == "light":
        return TARGET / f"web-{name}{ending}.png"
    folder = TARGET if name in KEPT_DARK else LOOKED_AT
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"web-{name}-{theme}{ending}.png"


def _take(page, path: Path, *, rests: bool) -> None:
    if rests:
        for view in web_cases.VIEWS:
            web_cases.settled(page, view)
    page.wait_for_timeout(300)  # for what fades in
    page.screenshot(path=path)
    with Image.open(path) as shown:
        few = shown.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    main()
