"""Seconds of the page in a browser, against the headless library in the same run.

    python Testing/benchmarks/web.py [--repeats N] [--device auto|cpu|cuda:N]

On a phantom of 160 x 192 x 80 voxels (2.5 x 2.5 x 3 mm), in a real Chromium:

- page ready: from the address to the CT standing in every slice view, with a session's process started ahead;
- headless: segment() and the lesion table in this process, warm;
- click: from the click on Segment to the liver's colour in every slice view, with a warm worker; and in 3D;
- cancel: from the click on Cancel to the page saying so.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import web_cases

from LiverTumorSegLib import lesions, model, model_store, phantom
from LiverTumorSegLib.files.nifti import write_volume
from LiverTumorSegLib.inference import segment
from LiverTumorSegLib.segments import LIVER

SHAPE, SPACING = (80, 160, 192), (3.0, 2.5, 2.5)
READY_AIM, MORE_AIM = 5, 1
FAST = 10
"""Milliseconds between two looks at the page."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    volume, loaded = phantom.create(SHAPE, SPACING).volume, model.load(model_store.find())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_volume(folder / "ct.nii.gz", volume)
        with web_cases.serving(folder, folder / "ct.nii.gz") as site, web_cases.chromium() as browser:
            ready = [page_ready(browser, site) for _ in range(args.repeats)]
            print(f"page ready    {median(ready):6.2f} s, worst {max(ready):.2f} s (aim under {READY_AIM})")
            with web_cases.visiting(browser, site) as page:
                choose(page, args.device)
                clicks(page, args.repeats, lambda: lesions.measure(segment(volume, loaded, args.device).labels, volume))
                cancels(page, args.repeats)


def page_ready(browser, site) -> float:
    """From the address to a painted CT; the next session's process gets time to start first."""
    began = monotonic()
    with web_cases.visiting(browser, site) as page:
        web_cases.has_ct(page)
        taken = monotonic() - began
        web_cases.can_segment(page)
        page.wait_for_timeout(5000)
    return taken


def choose(page, device: str) -> None:
    web_cases.has_ct(page)
    if device != "auto":
        page.click("#device")
        page.get_by_role("option", name=device).click()
    web_cases.segment(page)  # warms up


def clicks(page, repeats: int, headless) -> None:
    headless()  # warms up
    seconds = {name: [] for name in ("headless", "click", "in 3D")}
    for _ in range(repeats):
        began = monotonic()
        headless()
        seconds["headless"].append(monotonic() - began)
        for name, taken in zip(("click", "in 3D"), click(page), strict=True):
            seconds[name].append(taken)
    for name, taken in seconds.items():
        pairs = zip(taken, seconds["headless"], strict=True)
        more = median(a - b for a, b in pairs)
        aim = f" (aim no more than +{MORE_AIM})" if name == "click" else ""
        print(f"{name:13s} {median(taken):6.2f} s  {more:+.2f} s{aim}")


def click(page) -> tuple[float, float]:
    """Seconds from the click to the liver's colour in the slice views, and in 3D; both without it before."""
    page.reload()
    web_cases.has_ct(page)
    raise NotImplementedError


def cancels(page, repeats: int) -> None:
    raise NotImplementedError


if __name__ == "__main__":
    main()
