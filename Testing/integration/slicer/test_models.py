import hashlib
import os
import shutil
from pathlib import Path

import pytest
from support.click_cases import save_click_model
from support.download_cases import files_of, pack, serving
from support.module_case import click, finish, harness, lasting_worker, wait, widget  # noqa: F401
from support.nnunet_folders import write_nnunet

from LiverTumorSegLib.models import store

pytestmark = pytest.mark.usefixtures("lasting_worker")


@pytest.fixture
def served(tmp_path):
    """A folder that a real web server on this machine serves, and its address."""
    with serving(tmp_path / "served") as found:
        yield found


@pytest.fixture
def listed(harness, widget):  # noqa: F811
    """The panel with its list of models unfolded; those that a test imports are gone afterwards."""
    widget.ui.modelSection.collapsed = False
    wait(harness, lambda: "data" in widget.logic.panel.models[0])
    yield widget
    for model in Path(os.environ["LIVERTUMORSEG_MODELS"]).iterdir():
        shutil.rmtree(model)


def names(widget):  # noqa: F811
    return [widget.ui.modelCombo.itemData(n) for n in range(widget.ui.modelCombo.count)]


def test_the_card_of_the_chosen_model_is_shown(listed):
    assert names(listed) == ["unet-lits"]
    assert listed.ui.modelCard.text.startswith("Licence CC-BY-NC-SA-4.0: for research only.")
    listed.ui.modelCard.linkActivated.emit("more")
    card = listed.ui.modelCard.text
    for words in (
        "the liver and its lesions",
        "63 patients of lits, lits_wide, msd",
        "Mean Dice: liver 0.9",
        "CC-BY-NC-SA",
        "11.8 MB",
    ):
        assert words in card
    assert "a model that was not trained on them" in listed.ui.modelCard.toolTip
    assert not listed.ui.removeButton.enabled


def test_models_for_clicks_are_not_offered(harness, listed):  # noqa: F811
    save_click_model(Path(os.environ["LIVERTUMORSEG_MODELS"]) / "clicks")
    listed.logic.panel.opened = False
    listed.logic.panel.open()
    wait(harness, lambda: any(model["name"] == "clicks" for model in listed.logic.panel.models))
    assert names(listed) == ["unet-lits"]


def test_a_model_is_imported_chosen_and_removed(harness, listed, model_folder, monkeypatch):  # noqa: F811
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: str(model_folder))
    click(listed.ui.importButton)
    finish(harness, listed)
    wait(harness, lambda: names(listed) == ["unet-lits", "tiny"])
    assert listed.logic.getParameterNode().model == "tiny"
    assert not listed.logic.getParameterNode().largestLiver  # the model's own clean-up
    assert listed.ui.modelCombo.currentText == "A tiny model"
    listed.ui.modelCard.linkActivated.emit("more")
    assert "not measured" in listed.ui.modelCard.text
    monkeypatch.setattr("slicer.util.confirmYesNoDisplay", lambda question: False)
    click(listed.ui.removeButton)
    assert not listed.logic.panel.busy
    monkeypatch.setattr("slicer.util.confirmYesNoDisplay", lambda question: "A tiny model" in question)
    click(listed.ui.removeButton)
    finish(harness, listed)
    wait(harness, lambda: names(listed) == ["unet-lits"])
    assert listed.logic.getParameterNode().model == "unet-lits"
    assert "tiny" not in store.available_models()


def test_choosing_a_model_takes_over_its_own_clean_up(harness, listed, model_folder):  # noqa: F811
    store.import_model(model_folder)
    listed.logic.panel.open()
    wait(harness, lambda: names(listed) == ["unet-lits", "tiny"])
    listed.ui.smallestLiverSpin.value, listed.ui.sensitivitySpin.value = 12.0, 0.5
    listed.ui.modelCombo.currentIndex = 1
    listed.ui.modelCombo.activated.emit(1)
    parameters = listed.logic.getParameterNode()
    assert (parameters.model, parameters.largestLiver, parameters.smallestLesionMl) == ("tiny", False, 0)
    assert (parameters.smallestLiverMl, parameters.sensitivity) == (0, 1)
    assert not listed.ui.largestLiverCheck.checked


def test_closing_the_dialog_imports_nothing(listed, monkeypatch):
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: "")
    click(listed.ui.importButton)
    assert not listed.logic.panel.busy


def test_a_folder_of_nnunet_asks_for_what_it_does_not_say(harness, listed, tmp_path, monkeypatch):  # noqa: F811
    import qt

    source = write_nnunet(tmp_path / "Dataset900_Bands", {"organ": 1, "tumor": 2}, (0, 80), dataset={"licence": None})
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: str(source))
    ui = listed.ui
    assert not ui.importFrame.visible
    click(ui.importButton)
    wait(harness, lambda: ui.importFrame.visible)
    assert not ui.importTotalSegmentatorCheck.visible
    assert [combo.currentText for combo in (ui.importLiverCombo, ui.importLesionCombo)] == ["none of them", "tumor"]
    click(ui.importNowButton)
    wait(harness, lambda: not listed.logic.panel.busy)
    assert "under which licence" in ui.errorLabel.text
    ui.importLiverCombo.currentIndex = 1
    ui.importLicenceEdit.text = "Apache-2.0"
    click(ui.importNowButton)
    finish(harness, listed)
    wait(harness, lambda: "bands-3d-fullres" in names(listed))
    assert not ui.importFrame.visible
    description = store.load_model("bands-3d-fullres").description
    assert description.labels == ("background", "liver", "lesion")
    assert description.licence.name == "Apache-2.0"


def test_a_model_is_downloaded_from_an_address(harness, listed, served, model_folder):  # noqa: F811
    checksum = pack(served[0] / "m.zip", files_of(model_folder))
    assert not listed.ui.downloadFrame.visible
    click(listed.ui.downloadButton)
    assert listed.ui.downloadFrame.visible
    listed.ui.urlEdit.text, listed.ui.checksumEdit.text = f" {served[1]}/m.zip ", hashlib.sha256(b"other").hexdigest()
    click(listed.ui.fetchButton)
    wait(harness, lambda: not listed.logic.panel.busy)
    assert "SHA-256 differs" in listed.ui.errorLabel.text
    listed.ui.checksumEdit.text = checksum
    click(listed.ui.fetchButton)
    finish(harness, listed)
    wait(harness, lambda: listed.logic.getParameterNode().model == "tiny")
    assert not listed.ui.downloadFrame.visible


def test_nothing_can_be_managed_before_the_setup(listed):
    listed.logic.panel.setup_done(["torch>=2.6"])
    for button in (listed.ui.importButton, listed.ui.fetchButton, listed.ui.removeButton):
        assert not button.enabled


def test_a_model_that_is_gone_is_said(listed):
    listed.logic.getParameterNode().model = "gone"
    assert "“gone” is not there" in listed.ui.modelCard.text
    assert listed.ui.modelSection.text == "Model: gone"
    assert listed.ui.modelCombo.currentIndex == -1


def test_before_the_worker_runs_the_models_that_ship_are_known(widget):  # noqa: F811
    assert not widget.logic.panel.opened
    assert names(widget) == ["unet-lits"]
    assert widget.ui.modelSection.collapsed
    assert widget.ui.modelSection.text == "Model: Liver and lesions, research weights"
