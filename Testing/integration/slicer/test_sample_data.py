"""The sample CT: registered once Slicer has started, and loaded by the panel's button while no CT is chosen."""

import logging
import re
import sys
import types
from pathlib import Path

import pytest
from support.module_case import MODULE, add_ct, click, harness, widget  # noqa: F401


@pytest.fixture
def slicers(monkeypatch):
    """Stands for Slicer's Sample Data module, which is part of the application; downloads nothing."""
    offered, categories = [], {}

    class Logic:
        downloadPercent = 0
        loads: object = None

        registerCustomSampleDataSource = staticmethod(lambda **source: offered.append(source))
        registerCustomSampleDataCategory = staticmethod(lambda name, title: categories.update({name: title}))

        def sourceForSampleName(self, name):
            return next((source for source in offered if source["sampleName"] == name), None)

        def downloadFromSource(self, _source):
            for percent in (0, 40, 100):
                self.downloadPercent = percent
                self.logMessage(f"<b>Downloaded {percent}%</b>", logging.INFO)
            return [Logic.loads(self)]

    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=Logic))
    return types.SimpleNamespace(offered=offered, categories=categories, logic=Logic)


def test_a_public_ct_is_offered_once_slicer_has_started(harness, slicers):  # noqa: F811
    harness.load_module(MODULE)
    assert slicers.offered == []
    harness.complete_startup()
    (source,) = slicers.offered
    assert source["uris"].startswith("https://")
    assert re.fullmatch("SHA256:[0-9a-f]{64}", source["checksums"])
    assert source["uris"].endswith(source["checksums"].partition(":")[2])
    assert Path(source["thumbnailFileName"]).is_file()


def test_its_category_is_an_id_that_no_language_changes(harness, slicers, monkeypatch):  # noqa: F811
    harness.load_module(MODULE)
    from LiverTumorSegPanel import sample_data

    monkeypatch.setattr(sample_data, "_", lambda text: f"übersetzt {text}")
    sample_data.registerSampleData()
    del slicers.logic.registerCustomSampleDataCategory  # Slicer 5.10 has none
    sample_data.registerSampleData()
    assert slicers.categories == {"LiverTumorSeg": "übersetzt Liver Tumor Segmentation"}
    assert [source["category"] for source in slicers.offered] == ["LiverTumorSeg"] * 2


def test_the_button_loads_it_with_progress_and_goes(widget, slicers, small_phantom):  # noqa: F811
    ui, seen = widget.ui, []

    def load(logic):
        seen.append((ui.stageLabel.text, ui.progressBar.value, ui.progressBar.visible, ui.sampleButton.enabled))
        ui.sampleButton.clicked.emit(False)  # a second click does nothing
        return add_ct(small_phantom.volume, "CTLiver")

    slicers.logic.loads = load
    assert ui.sampleButton.visible
    click(ui.sampleButton)
    assert seen == [("Downloaded 100%", 100, True, False)]
    assert ui.inputSelector.currentNode().GetName() == "CTLiver"
    assert not ui.sampleButton.visible
    assert not ui.progressBar.visible
    assert ui.stageLabel.text == ""
    assert ui.segmentButton.enabled


@pytest.mark.parametrize("kind", ["raised", "logged", "nothing"])
def test_a_download_that_fails_is_one_sentence(widget, slicers, kind):  # noqa: F811
    def load(logic):
        if kind == "raised":
            msg = "Failed to download CTLiver.nrrd."
            raise ValueError(msg)
        if kind == "logged":
            logic.logMessage("<b>Checksum is wrong!</b>", logging.ERROR)

    slicers.logic.loads = load
    click(widget.ui.sampleButton)
    why = {"raised": "Failed to download CTLiver.nrrd", "logged": "Checksum is wrong", "nothing": "nothing was loaded"}
    said = f"The sample CT could not be loaded ({why[kind]}): check the connection, then press the button again."
    assert widget.ui.errorLabel.text == said
    assert widget.ui.sampleButton.enabled
    assert not widget.ui.progressBar.visible


def test_a_slicer_without_the_module_is_said(widget, monkeypatch):  # noqa: F811
    monkeypatch.setitem(sys.modules, "SampleData", None)
    click(widget.ui.sampleButton)
    assert widget.ui.errorLabel.text == "This Slicer has no module Sample Data: load a CT of your own."
