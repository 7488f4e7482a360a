"""The panel's clean-up options come from the table of the library."""

import pytest
from support.added_option import ADDED, WITH_ADDED
from support.module_case import MODULE, harness, lasting_worker  # noqa: F401

from LiverTumorSegLib.postprocessing import options

pytestmark = pytest.mark.usefixtures("lasting_worker")


@pytest.fixture
def with_option_more(harness, monkeypatch):  # noqa: F811
    """The open panel of a program whose table has an entry more."""
    monkeypatch.setattr(options, "OPTIONS", WITH_ADDED)
    harness.load_module(MODULE)
    return harness.open_module("LiverTumorSeg")


def test_an_option_added_to_the_table_is_in_scene_panel_and_request(with_option_more):
    from LiverTumorSeg import requestOf

    parameters, field = with_option_more.logic.getParameterNode(), with_option_more.ui.flattestLesionSpin
    assert parameters.flattestLesionMm == field.value == 1.5
    assert (field.suffix, field.decimals, field.singleStep, field.maximum) == (" mm", 1, 0.5, 50)
    assert field.toolTip == ADDED.help
    field.value = 4.5
    assert parameters.flattestLesionMm == 4.5
    assert parameters.parameterNode.GetParameter("flattestLesionMm") == "4.5"
    assert requestOf(parameters).settings.postprocessing[ADDED.name] == 4.5
    form = with_option_more.ui.advancedSection.layout()
    assert form.labelForField(field).text == "Flattest lesion:"


def test_a_model_brings_it_along_and_one_that_does_not_know_it_leaves_it(with_option_more):
    from LiverTumorSegPanel import cleanup

    parameters = with_option_more.logic.getParameterNode()
    cleanup.takeValues(parameters, {ADDED.name: 7.0, "fill_holes": False})
    assert (parameters.flattestLesionMm, parameters.fillHoles) == (7.0, False)
    cleanup.takeValues(parameters, {"fill_holes": True})
    assert (parameters.flattestLesionMm, parameters.fillHoles) == (7.0, True)


def test_the_options_stand_between_the_coarse_pass_and_the_batch(with_option_more):
    import qt

    form = with_option_more.ui.advancedSection.layout()
    names = []
    for row in range(1, form.rowCount()):  # the first is the region's
        items = [form.itemAt(row, role) for role in (qt.QFormLayout.SpanningRole, qt.QFormLayout.FieldRole)]
        names += [item.widget().name for item in items if item]
    assert list(dict.fromkeys(names)) == [  # what takes a row of its own is there twice
        "coarseCheck",
        "largestLiverCheck",
        "lesionsInLiverCheck",
        "fillHolesCheck",
        "smallestLesionSpin",
        "smallestLiverSpin",
        "sensitivitySpin",
        "flattestLesionSpin",
        "batchSpin",
        "precisionCombo",
        "previewButton",
        "liverModelCombo",
        "alsoFrame",
    ]
