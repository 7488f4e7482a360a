"""Checks of what the module does to the scene: nodes, places, tables and files."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from .session import MODULE, Session, skip


def self_test(session: Session) -> str:
    """The module's own tests, one by one, as Slicer's ctest runs them."""
    import importlib

    session.need_packages()
    case = getattr(importlib.import_module(MODULE), f"{MODULE}Test")
    result = unittest.TestResult()
    unittest.TestLoader().loadTestsFromTestCase(case).run(result)
    wrong = [f"{test.id()}: {text.strip().splitlines()[-1]}" for test, text in (*result.errors, *result.failures)]
    assert not wrong, "; ".join(wrong)
    assert not result.skipped, result.skipped[0][1]
    return f"{result.testsRun} tests passed: segments, a transform, cancelling, saving and loading."


def row_leads_to_its_lesion(session: Session) -> tuple[str, dict[str, Any], list[Path]]:
    nodes = _segmented(session)
    display = nodes.segmentation.GetDisplayNode()
    name = next(iter(nodes.segments))
    display.SetSegmentOpacity2DFill(name, 0.2)
    table = session.ui.lesionTable
    assert table.rowCount, "no lesion was found"
    table.selectRow(0)
    slicer.app.processEvents()
    import qt

    wanted = np.array(nodes.place(int(table.item(0, 0).data(qt.Qt.UserRole))))
    off = {}
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        matrix = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
        off[view.GetName()] = float(abs((wanted - matrix[:3, 3]) @ matrix[:3, 2]))
    assert max(off.values()) < 0.6 * max(slicer.util.getNode(nodes.volume.GetID()).GetSpacing()), off
    pictures = session.picture_of_views("lesion")
    session.widget.exit()
    kept = display.GetSegmentOpacity2DFill(name)
    session.widget.enter()
    assert abs(kept - 0.2) < 1e-6, f"the user's opacity of 0.2 became {kept}"
    return "All slices go to the lesion; the user's opacity of 0.2 comes back.", off, pictures


def corrections_are_measured(session: Session) -> str:
    nodes = _segmented(session)
    segment = next(name for name, label in nodes.segments.items() if label == 2)
    painted = np.zeros(session.phantom.labels.shape, np.uint8)
    painted[20:23, 40:46, 40:46] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, nodes.segmentation, segment, nodes.volume)
    session.click(session.ui.measureButton)
    session.finish()
    assert session.ui.lesionTable.rowCount == 1, f"{session.ui.lesionTable.rowCount} lesions where one was painted"
    return "A lesion that was painted is the one of the table."


def statistics_agree(session: Session) -> tuple[str, dict[str, float]]:
    module = session.need("SegmentStatistics")
    nodes = _segmented(session)
    logic = module.SegmentStatisticsLogic()
    logic.getParameterNode().SetParameter("Segmentation", nodes.segmentation.GetID())
    logic.getParameterNode().SetParameter("ScalarVolume", nodes.volume.GetID())
    logic.computeStatistics()
    found = logic.getStatistics()
    key = "LabelmapSegmentStatisticsPlugin.volume_cm3"
    total = sum(float(found[name, key]) for name in nodes.segments)
    own = nodes.facts["liver_ml"]
    assert abs(total - own) < 0.01 * own, f"Segment Statistics has {total:.1f} cm³, the panel {own:.1f} ml"
    return "Segment Statistics finds the panel's volume.", {"Segment Statistics, cm³": total, "panel, ml": own}


def empty_region_gets_a_size(session: Session) -> str:
    session.need_packages()
    session.clear()
    session.add_ct()
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "R")
    session.ui.roiSelector.setCurrentNode(roi)
    slicer.app.processEvents()
    size = np.array(roi.GetSize())
    assert (size > 0).all(), f"its size is {size}"
    session.segment()
    return f"A new region has {' × '.join(f'{mm:.0f}' for mm in size)} mm, and is segmented."


def output_is_added_or_replaced(session: Session) -> str:
    nodes = _segmented(session)
    first = nodes.segmentation
    session.ui.outputSelector.setCurrentNode(first)
    count = first.GetSegmentation().GetNumberOfSegments()
    session.segment()
    assert first.GetSegmentation().GetNumberOfSegments() == 2 * count, "the segments were not added"
    session.ui.replaceCheck.click()
    session.ui.oneEachCheck.click()
    nodes = session.segment()
    assert first.GetSegmentation().GetNumberOfSegments() == 1 + nodes.facts["lesion_count"]
    session.ui.oneEachCheck.click()
    return "Segments are added, then replaced by one each."


def preview_is_a_volume(session: Session) -> str:
    session.need_packages()
    session.clear()
    session.add_ct()
    session.click(session.ui.previewButton)
    session.finish()
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
    assert "Phantom preprocessed" in names, names
    return "The CT as the network sees it is a volume of the scene."


def report_is_written(session: Session) -> str:
    nodes = _segmented(session)
    written: list[str] = []
    folder = session.folder / "Bericht für mich"
    session.widget.logic.jobs.report(nodes, folder, written.extend, overwrite=False)
    session.finish()
    assert any(name.endswith(".html") for name in written), written
    return f"{len(written)} files in a folder with a space and an umlaut."


def sequence_is_segmented(session: Session) -> str:
    session.need_packages()
    session.clear()
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "phases")
    node = session.add_ct()
    for second in ("0", "35"):
        sequence.SetDataNodeAtValue(node, second)
    session.ui.sequenceSelector.setCurrentNode(sequence)
    session.click(session.ui.sequenceButton)
    session.wait(lambda: session.ui.cohortLabel.text or session.panel.error)
    assert not session.panel.error, session.panel.error
    made = slicer.util.getNode("phases liver and lesions")
    assert made.GetNumberOfDataNodes() == 2
    return session.ui.cohortLabel.text


def folder_is_segmented(session: Session) -> str:
    from LiverTumorSegLib.apps.worker import arrays

    session.need_packages()
    session.clear()
    source, output = session.folder / "viele CTs", session.folder / "Ausgabe"
    for folder in (source, output):
        folder.mkdir()
    arrays.write(source / "one.nrrd", session.phantom.volume.voxels, session.phantom.volume.affine)
    (source / "two.nrrd").write_bytes(b"rubbish")
    session.widget._cohort._segmentFolder(source, output)  # what the button does once its dialogs are answered
    session.wait(lambda: session.ui.cohortLabel.text or session.panel.error)
    assert (output / "one.seg.nrrd").is_file(), session.ui.cohortLabel.text or session.panel.error
    assert "1 of 2" in session.ui.cohortLabel.text
    return session.ui.cohortLabel.text


def dicom_series_gives_objects(session: Session) -> str:
    """Through Slicer's own database, in a folder that goes again."""
    session.need_packages()
    tools = session.need("DICOMLib").DICOMUtils
    from LiverTumorSegPanel import setup

    files = _write_series(session)
    session.clear()
    with tools.TemporaryDICOMDatabase() as database:
        tools.importDicom(str(files[0].parent), database)
        loaded = [name for patient in database.patients() for name in tools.loadPatientByUID(patient)]
        assert loaded, "Slicer loads nothing of the series"
        node = slicer.util.getNode(loaded[0])
        session.ui.inputSelector.setCurrentNode(node)
        nodes = session.segment()
        if setup.missingOf(setup.DICOM_PACKAGES):
            skip("the series was segmented, but highdicom is not here: press DICOM… in the panel once")
        from LiverTumorSegLib.apps.panel import mrml_dicom

        paths, written = mrml_dicom.source_files(nodes.volume, database.fileForInstance), []
        mrml_dicom.write_objects(session.widget.logic.jobs, nodes, paths, session.folder / "Objekte", written.extend)
        session.finish()
        assert len(written) == 2, written
    return f"{loaded[0]} was segmented, and its objects written."


def _segmented(session: Session) -> Any:
    session.need_packages()
    session.clear()
    session.add_ct()
    return session.segment()


def _write_series(session: Session) -> list[Path]:
    session.need("pydicom")
    from support import dicom_slices

    volume = session.phantom.volume
    slices = dicom_slices.plain(count=len(volume.voxels))
    for number, one in enumerate(slices):
        values = (volume.voxels[number] - dicom_slices.INTERCEPT).clip(0).astype(np.uint16)
        dicom_slices.store(one, values)
        one.PixelSpacing, one.ImagePositionPatient = [4.0, 4.0], [-200.0, -200.0, number * 6.0]
    written: list[Path] = dicom_slices.write(slices, session.folder / "Serie")
    return written
