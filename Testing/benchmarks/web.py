"""Seconds of the page in a browser, against the headless library in the same run.

    python Testing/benchmarks/web.py [--repeats N] [--large]

On a phantom of 192 x 160 x 80 voxels (2.5 x 2.5 x 3 mm), or with --large of 512 x 512 x 120 (0.8 x 0.8 x 2 mm), in a
real Chromium:

- page ready: from the address to the CT standing in every slice view, with a session's process started ahead;
- headless: segment() and the lesion table in this process, warm, of the same CT on the same device;
- click: from the click on Segment to the liver's colour in every slice view, with a warm worker; and in 3D;
- stroke: from the end of a stroke of the eraser in a lesion to the table being right, against a measurement of the
  whole in this process, without reading or handing over anything;
- cancel: from the click on Cancel to the page saying so.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import web_cases

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder, store
from LiverTumorSegLib.reporting import lesions

QUIET_MILLISECONDS = 5000
"""In which the next session's process starts ahead, as it does while a user looks at the page."""

SMALL = (80, 160, 192), (3.0, 2.5, 2.5)
LARGE = (120, 512, 512), (2.0, 0.8, 0.8)
READY_AIM, MORE_AIM, STROKE_AIM = 5, 1, 1
PRESS = """([images, solid]) => new Promise(resolve => {
    const canvas = document.createElement('canvas');
    const began = performance.now(), seen = [];
    const isRed = (r, g, b) => r > b + 12 && 2 * (g - b) < r - b && r > 60;
    const isLiver = image => {
        canvas.width = image.naturalWidth, canvas.height = image.naturalHeight;
        if (!canvas.width) return false;
        const pen = canvas.getContext('2d', { willReadFrequently: true });
        pen.drawImage(image, 0, 0);
        const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let n = 0; n < data.length; n += 4) count += isRed(data[n], data[n + 1], data[n + 2]);
        return count > 200;
    };
    const look = () => {
        const text = document.querySelector('#stage').innerText;
        if (text !== 'Done.') return setTimeout(look, 30);  // reading pixels takes the cores from the worker
        if (!seen.length && images.every(isLiver)) seen.push((performance.now() - began) / 1000);
        if (seen.length && isLiver(solid)) return resolve([...seen, (performance.now() - began) / 1000]);
        setTimeout(look, 30);
    };
    document.querySelector('#segment').click();
    look();
})"""
"""Clicks on Segment; seconds until liver's colour stands in the slice views, then in 3D, too."""

CANCEL = """() => new Promise(resolve => {
    const began = performance.now();
    const look = () => {
        const text = document.querySelector('#stage').innerText;
        if (text.startsWith('Cancelled')) resolve((performance.now() - began) / 1000);
        else setTimeout(look, 10);
    };
    document.querySelector('#segment').click();
    look();
})"""
STROKE = """() => {
    const table = document.querySelector('#lesions'), before = table.innerText;
    window.ltsStroke = new Promise(resolve => window.addEventListener('pointerup', () => {
        const began = performance.now();
        const look = () => {
            const now = document.querySelector('#lesions');
            const right = now.innerText !== before && now.getAttribute('aria-busy') !== 'true';
            if (right) resolve((performance.now() - began) / 1000);
            else setTimeout(look, 10);
        };
        look();
    }, { capture: true, once: true }));
}"""
"""Seconds from when the mouse lets go to a table with other numbers that is up to date."""

BEGUN = "() => Number(document.querySelector('#progress').getAttribute('aria-valuenow')) >= 30"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    volume, loaded = phantom.create(*(LARGE if args.large else SMALL)).volume, model_folder.load(store.find_model())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_volume(folder / "ct.nii.gz", volume)
        with web_cases.serving(folder, folder / "ct.nii.gz") as site, web_cases.chromium() as browser:
            measure(browser, site, args.repeats, lambda: headless(volume, loaded))


def headless(volume, loaded) -> tuple[float, float]:
    """Seconds of segmenting and measuring, and of measuring alone."""
    began = monotonic()
    labels = segment(volume, loaded).labels
    segmented = monotonic()
    lesions.measure_lesions(labels, volume)
    return monotonic() - began, monotonic() - segmented


def measure(browser, site, repeats: int, reference) -> None:
    """A first round warms everything up; then each has a session of its own, so that no overlay is there before."""
    rounds = [(*visit(browser, site), *reference()) for _ in range(repeats + 1)][1:]
    ready, clicks, solid, strokes, cancels, alone, whole = zip(*rounds, strict=True)
    print(f"page ready    {median(ready):6.2f} s, worst {max(ready):.2f} s (aim under {READY_AIM})")
    print(f"headless      {median(alone):6.2f} s")
    for name, taken, aim in (("click", clicks, f" (aim no more than +{MORE_AIM})"), ("its surface", solid, "")):
        more = median(a - b for a, b in zip(taken, alone, strict=True))
        print(f"{name:13s} {median(taken):6.2f} s, {more:+.2f} s{aim}")
    ratio = median(a / b for a, b in zip(strokes, whole, strict=True))
    print(f"stroke        {median(strokes):6.2f} s, worst {max(strokes):.2f} s (aim under {STROKE_AIM})")
    print(f"              {ratio:6.1f} times a measurement of the whole, {median(whole):.2f} s")
    print(f"cancel        {median(cancels):6.2f} s, worst {max(cancels):.2f} s (aim under 1)")


def visit(browser, site) -> tuple[float, float, float, float, float]:
    """Seconds until the page is ready, from the click to overlay and surface, of a stroke, and of a cancel."""
    began = monotonic()
    with web_cases.visiting(browser, site) as page:
        web_cases.has_ct(page)
        ready = monotonic() - began
        web_cases.can_segment(page)
        page.wait_for_timeout(QUIET_MILLISECONDS)
        images = [web_cases.image(page, view).element_handle() for view in web_cases.VIEWS]
        overlay, surface = page.evaluate(PRESS, [images[:-1], images[-1]])
        web_cases.says(page, "#stage", "Done.")
        stroke = erase(page)
        page.wait_for_timeout(QUIET_MILLISECONDS)
        page.click("#segment")
        page.click("#replace-yes")
        page.wait_for_function(BEGUN, polling=20)
        return ready, overlay, surface, stroke, page.evaluate(CANCEL)


def erase(page) -> float:
    """Erase in the first lesion of the table; seconds until the table is right, the second time, with all warm."""
    page.locator("#lesions tbody tr").first.click()
    page.click("#tool-erase")
    for right_by in (0, 12):
        page.wait_for_timeout(QUIET_MILLISECONDS)
        box = web_cases.image(page, "Axial").bounding_box()
        x, y = box["x"] + box["width"] / 2 + right_by, box["y"] + box["height"] / 2
        page.evaluate(STROKE)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 3, y, steps=2)
        page.mouse.up()
        seconds: float = page.evaluate("window.ltsStroke")
    page.click("#tool-none")
    return seconds


if __name__ == "__main__":
    main()
