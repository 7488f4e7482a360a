"""The panel's choice of a model for the liver and of models of other structures."""

import os
import shutil
from pathlib import Path

import pytest
from support.model_sets import segments_model, vessel_model
from support.module_case import harness, lasting_worker, wait, widget  # noqa: F401
from support.nnunet_models import write_banded_model

from LiverTumorSegLib.apps.panel.partner_models import partners

pytestmark = pytest.mark.usefixtures("lasting_worker")


@pytest.fixture
def listed(harness, widget):  # noqa: F811
    """The panel with its advanced section unfolded, which asks the worker for its models."""
    folder = Path(os.environ["LIVERTUMORSEG_MODELS"])
    write_banded_model(folder / "lesions", ["background", "lesion", ""], [-30, 40], name="lesions")
    write_banded_model(folder / "livers", ["background", "liver", ""], [40, 80], name="livers")
    vessel_model(folder)
    segments_model(folder)
    widget.ui.advancedSection.collapsed = False
    wait(harness, lambda: widget.logic.panel.models_known)
    yield widget
    for model in folder.iterdir():
        shutil.rmtree(model)


def settings(panel):
    from LiverTumorSegPanel.parameters import settingsOf

    return settingsOf(panel._parameters)


def livers(panel):
    return [panel.ui.liverModelCombo.itemData(n) for n in range(panel.ui.liverModelCombo.count)]


def boxes(panel):
    return panel.sections[2]._boxes


def test_models_that_find_the_liver_are_offered_but_for_the_chosen_one(listed):
    assert livers(listed) == ["auto", "livers"]
    assert settings(listed).liver_model == "auto"
    listed._parameters.model = "lesions"
    listed.show()
    assert livers(listed) == ["auto", "livers", "none"]
    assert listed.ui.liverModelCombo.currentIndex == 0
    assert listed.ui.liverModelCombo.currentText == title_of(listed, "unet-lits")


def title_of(panel, name):
    return next(model["title"] for model in panel.logic.panel.models if model["name"] == name)


def test_the_licence_of_every_model_that_takes_part_is_asked_about(listed):
    asked = lambda: partners(listed.logic.panel, settings(listed))  # noqa: E731
    assert asked() == ()
    listed._parameters.model = "lesions"
    assert asked() == ("unet-lits",)
    listed._parameters.alsoModels, listed._parameters.liverModel = "vessels", "none"
    assert asked() == ("vessels",)


def test_a_chosen_liver_model_goes_into_the_settings_and_the_scene(listed):
    listed._parameters.model = "lesions"
    listed.show()
    listed.ui.liverModelCombo.currentIndex = 1
    listed.ui.liverModelCombo.activated.emit(1)
    assert settings(listed).liver_model == "livers"
    assert listed._parameters.parameterNode.GetParameter("liverModel") == "livers"
    listed._parameters.model = "livers"
    assert settings(listed).liver_model == "auto"


def test_models_of_other_structures_are_ticked_in_the_order_of_the_list(listed):
    assert list(boxes(listed)) == ["couinaud", "vessels"]
    for name in ("vessels", "couinaud"):
        boxes(listed)[name].click()
    assert settings(listed).also == ("couinaud", "vessels")
    assert all(box.checked for box in boxes(listed).values())
    boxes(listed)["couinaud"].click()
    assert settings(listed).also == ("vessels",)


def test_models_of_other_structures_alone_cannot_be_the_chosen_one(listed):
    names = [listed.ui.modelCombo.itemData(n) for n in range(listed.ui.modelCombo.count)]
    assert names == ["unet-lits", "lesions", "livers"]


def test_without_such_models_nothing_is_offered(widget):  # noqa: F811
    assert not widget.ui.alsoFrame.visible
    assert not widget.ui.advancedFormLabel6.visible
