"""Checks of the panel: what it says, what its buttons do, and what it leaves in the system."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from .session import MODULE, Session, skip


def module_is_there(session: Session) -> str:
    module = getattr(slicer.modules, session.widget.moduleName.lower())
    assert module.title == "Liver Tumor Segmentation"
    assert "Segmentation" in list(module.categories)
    assert "not a medical device" in module.helpText
    return f"{module.title}, in {', '.join(module.categories)}."


def packages_are_there(session: Session) -> tuple[str, dict[str, str]]:
    lines = session.ui.packagesLabel.text.splitlines()
    versions = dict(re.findall(r"^(\S+) (\S+) \(", "\n".join(lines), re.MULTILINE))
    session.need_packages()
    return f"{session.ui.packagesSection.text}.", versions


def sample_ct(session: Session) -> str:
    session.need("SampleData")
    session.clear()
    session.click(session.ui.sampleButton)
    if "could not be loaded" in session.panel.error:
        skip(session.panel.error)
    node = session.ui.inputSelector.currentNode()
    assert node is not None, "the sample was not chosen"
    return f"{node.GetName()} was loaded: {session.ui.volumeLabel.text}."


def segments_by_the_button(session: Session) -> tuple[str, dict[str, Any], list[Path]]:
    session.need_packages()
    session.clear()
    session.add_ct()
    figures: dict[str, Any] = {}
    for click in ("first", "second"):
        began = time.monotonic()
        nodes = session.segment()
        figures[f"{click} click, s"] = time.monotonic() - began
        figures[f"longest gap of events in the {click}, s"] = session.longest_gap
        dice = session.dice(nodes)
        assert dice > 0.9, f"the segments' Dice with the truth is {dice:.3f}"
    figures["Dice"] = dice
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]
    assert len(names) == 2, f"there are the segmentations {names}, where each click adds one"
    assert session.ui.lesionTable.rowCount == nodes.facts["lesion_count"]
    pictures = [*session.picture_of_panel("panel"), *session.picture_of_views("views")]
    said = f"{nodes.facts['lesion_count']} lesions, liver {nodes.facts['liver_ml']:.0f} ml."
    return said, figures, pictures


def cancels_within_a_second(session: Session) -> tuple[str, dict[str, float]]:
    session.need_packages()
    session.clear()
    session.add_ct()
    session.click(session.ui.segmentButton)
    session.wait(lambda: session.panel.fraction > 0)
    began = time.monotonic()
    session.click(session.ui.segmentButton)
    session.wait(lambda: not session.panel.busy, 5)
    seconds = time.monotonic() - began
    assert seconds < 1, f"cancelling took {seconds:.1f} s"
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode"), "something was added"
    return session.ui.stageLabel.text, {"cancelled after, s": seconds}


def click_adds_a_lesion(session: Session) -> tuple[str, dict[str, float]]:
    """A point comes into the scene as a click in a view places it; the cursor and the views are for eyes."""
    from LiverTumorSegLib.apps.panel.mrml_volumes import to_world
    from LiverTumorSegLib.core.labels import LESION

    session.need_packages()
    session.clear()
    place = to_world(session.add_ct(), np.argwhere(session.phantom.labels == LESION.label)[:1, ::-1])[0]
    session.click(session.ui.clickFirstButton)
    session.finish()
    chosen = slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLSelectionNode").GetActivePlaceNodeID()
    began = time.monotonic()
    slicer.mrmlScene.GetNodeByID(chosen).AddControlPointWorld(place.tolist())
    session.wait(lambda: session.ui.lesionTable.rowCount)
    figures = {"from the click to its row, s": time.monotonic() - began}
    session.finish()
    volume = session.result().facts["lesion_ml"]
    assert volume > 0, "the lesion is empty"
    return f"A lesion of {volume:.1f} ml, before anything was segmented.", figures


def worker_is_slicers_python(session: Session) -> str:
    session.need_packages()
    session.clear()
    session.add_ct()
    session.segment()
    command = [str(part) for part in session.panel.worker._run.child.args]
    assert any("LiverTumorSegLib.apps.worker" in part for part in command), command
    program = Path(command[0]).name
    real = program.startswith(("python-real", "PythonSlicer"))
    assert real or not hasattr(slicer.app, "slicerHome"), f"it runs in {command[0]}, not in Slicer's Python"
    return f"The worker runs in {program}."


def worker_that_dies_is_said(session: Session) -> str:
    session.need_packages()
    session.clear()
    session.add_ct()
    session.click(session.ui.segmentButton)
    session.wait(lambda: session.panel.fraction > 0)
    session.panel.worker._run.child.kill()
    session.wait(lambda: not session.panel.busy, 10)
    sentence = session.panel.error
    assert sentence, "nothing is said"
    session.segment()
    return f"It says “{sentence}”, and the next click works."


def stray_files_are_not_imported(session: Session) -> str:
    """Slicer may have been started in a folder of the user's own scripts."""
    session.need_packages()
    folder, before = session.folder / "scripts", Path.cwd()
    folder.mkdir()
    for name in ("json", "typing", "torch", "numpy"):
        (folder / f"{name}.py").write_text("raise SystemExit('a stray file was imported')\n", encoding="utf-8")
    session.panel.close()
    os.chdir(folder)
    try:
        session.clear()
        session.add_ct()
        session.segment()
    finally:
        os.chdir(before)
    return "A worker that starts in a folder with json.py, typing.py, torch.py and numpy.py segments."


def colours_can_be_read(session: Session) -> tuple[str, dict[str, float]]:
    import qt
    from LiverTumorSegPanel import colours

    label, contrasts = qt.QLabel("words", session.ui.errorLabel), {}
    for name, show in (("warning", colours.showAsWarning), ("error", colours.showAsError)):
        show(label)
        ink, paper = (label.palette.color(role) for role in (qt.QPalette.WindowText, qt.QPalette.Window))
        parts = [(colour.red() / 255, colour.green() / 255, colour.blue() / 255) for colour in (ink, paper)]
        contrasts[f"contrast of a {name}"] = colours.contrast(*parts)
    label.deleteLater()
    worst = min(contrasts.values())
    assert worst >= colours.LEAST_CONTRAST, f"the contrast is {worst:.2f}"
    return "Warnings and errors can be read in this theme.", contrasts


def closing_the_scene_ends_the_job(session: Session) -> str:
    session.need_packages()
    session.clear()
    session.add_ct()
    session.click(session.ui.segmentButton)
    slicer.mrmlScene.Clear(0)
    session.wait(lambda: not session.panel.busy, 10)
    assert not session.panel.error, session.panel.error
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode"), "something was added"
    return "No error, and nothing in the new scene."


def panel_can_be_reloaded(session: Session) -> str:
    before = session.widget
    child = before.logic.panel.worker._run
    slicer.util.reloadScriptedModule(MODULE)
    after = session.widget
    assert after is not before, "the panel is the old one"
    assert child is None or child.child.poll() is not None, "the old panel's worker still runs"
    return "A new panel, and no worker of the old one."


def nothing_is_left(session: Session) -> str:
    session.need_packages()
    run, scratch = session.panel.worker._run, None
    if run is not None:
        scratch = Path(session.panel.worker.scratch)
    session.panel.close()
    assert run is None or run.child.poll() is not None, "the worker still runs"
    assert scratch is None or not scratch.exists(), f"{scratch} is left"
    return f"No worker and no folder of it; Python is {sys.version.split()[0]}."
