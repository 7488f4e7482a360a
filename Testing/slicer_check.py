"""Go through all of the checklist that needs no eyes, in a running 3D Slicer, and write one page with what was found.

    Slicer --python-script Testing/slicer_check.py [--folder FOLDER] [--offline]

The open scene is closed. The page, ``check.html``, holds its pictures; ``check.json`` beside it holds the same as data.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import slicer
from support.check_page import CheckResult, count_states, write_check
from support.slicer_check import follow_up_checks, panel_checks, scene_checks
from support.slicer_check.session import Session, Skipped, library, skip

TITLE = "LiverTumorSeg in 3D Slicer"


@dataclass(frozen=True)
class Check:
    """A part of the check.

    Args:
        steps: of the checklist that it does, in whole or in part.
        name: a few words.
        run: says what it found, and may add figures and pictures; it raises ``Skipped``, or what went wrong.
        online: it needs a connection.
    """

    steps: tuple[int, ...]
    name: str
    run: Callable[[Session], Any]
    online: bool = False


CHECKS = (
    Check((3,), "The module is there", panel_checks.module_is_there),
    Check((9,), "Packages", panel_checks.packages_are_there),
    Check((1, 19, 31, 45, 47), "The module's own tests", scene_checks.self_test),
    Check((14,), "Warnings and errors can be read", panel_checks.colours_can_be_read),
    Check((16,), "Sample CT", panel_checks.sample_ct, online=True),
    Check((18, 20), "Segment by the button, twice", panel_checks.segments_by_the_button),
    Check((21,), "Cancel", panel_checks.cancels_within_a_second),
    Check((50,), "A click adds a lesion", panel_checks.click_adds_a_lesion),
    Check((22,), "The worker's program", panel_checks.worker_is_slicers_python),
    Check((23,), "A worker that is ended by force", panel_checks.worker_that_dies_is_said),
    Check((12,), "Stray Python files", panel_checks.stray_files_are_not_imported),
    Check((26,), "A new region", scene_checks.empty_region_gets_a_size),
    Check((27, 28), "Output: added, replaced, one each", scene_checks.output_is_added_or_replaced),
    Check((29,), "The preprocessed CT", scene_checks.preview_is_a_volume),
    Check((35,), "A row leads to its lesion", scene_checks.row_leads_to_its_lesion),
    Check((11, 36), "The report", scene_checks.report_is_written),
    Check((37,), "Corrections are measured", scene_checks.corrections_are_measured),
    Check((38,), "Segment Statistics", scene_checks.statistics_agree),
    Check((39,), "DICOM in and out", scene_checks.dicom_series_gives_objects),
    Check((58, 59), "An earlier CT", follow_up_checks.earlier_ct_is_compared),
    Check((43,), "A sequence", scene_checks.sequence_is_segmented),
    Check((44,), "A folder of CTs", scene_checks.folder_is_segmented),
    Check((46,), "The scene is closed meanwhile", panel_checks.closing_the_scene_ends_the_job),
    Check((49,), "Nothing is left", panel_checks.nothing_is_left),
    Check((47,), "Reload", panel_checks.panel_can_be_reloaded),
)


def check(folder: Path, checks: Sequence[Check] = CHECKS, *, offline: bool = False) -> tuple[Path, list[CheckResult]]:
    """Run checks, and write the page anew after each, so that one which hangs is known by those before it.

    Args:
        folder: of the page; pictures lie in it too.
        checks: in this order.
        offline: leave out what needs a connection.

    Returns:
        The page, and the results.
    """
    folder.mkdir(parents=True, exist_ok=True)
    session, results = Session(folder), []
    page = folder / "check.html"
    with session.answering_yes():
        for each in checks:
            results.append(run(each, session, offline=offline))
            print(f"{results[-1].status}: {results[-1].name}: {results[-1].sentence}", flush=True)
            _, page = write_check(folder, TITLE, environment(), results)
    session.close()
    return page, results


def run(each: Check, session: Session, *, offline: bool = False) -> CheckResult:
    """One check, whatever becomes of it."""
    steps = f"step{'s' if len(each.steps) > 1 else ''} {', '.join(map(str, each.steps))}"
    name, began = f"{each.name} ({steps})", time.monotonic()
    pictures: list[Path] = []
    figures: dict[str, Any] = {}
    try:
        if offline and each.online:
            skip("it needs a connection")
        found = each.run(session)
        sentence, *more = found if isinstance(found, tuple) else (found,)
        figures = next((part for part in more if isinstance(part, dict)), {})
        pictures = next((part for part in more if isinstance(part, list)), [])
        status = "passed"
    except Skipped as why:
        status, sentence = "skipped", f"Left out: {why}."
    except Exception as error:  # noqa: BLE001 the others have to be run
        status, sentence = "failed", f"{str(error) or type(error).__name__}"
        figures = {"details": traceback.format_exc()}
    return CheckResult(name, status, sentence, time.monotonic() - began, pictures, figures)


def environment() -> dict[str, object]:
    """What the check ran on."""
    library()
    from LiverTumorSegLib.core.about import __version__

    return {
        "LiverTumorSeg": __version__,
        "Slicer": slicer.app.applicationVersion,
        "Python": sys.version.split()[0],
        "system": platform.platform(),
    }


def main() -> None:
    """Check, and open the page; Slicer stays open too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path.home() / "slicer-check", help="of the page")
    parser.add_argument("--offline", action="store_true", help="leave out what needs a connection")
    chosen, _ = parser.parse_known_args()  # Slicer may leave some of its own
    page, results = check(chosen.folder, offline=chosen.offline)
    print(f"{count_states(results)}: {page}", flush=True)
    import qt

    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(page)))


if __name__ == "__main__":
    main()
