import pytest
from support.module_case import harness, lasting_worker, wait, widget  # noqa: F401

pytestmark = pytest.mark.usefixtures("lasting_worker")

_GPU = {"name": "cuda:0", "title": "NVIDIA H200", "free_bytes": 139e9}
_CPU = {"name": "cpu", "title": "CPU", "free_bytes": None}


@pytest.fixture
def listed(harness, widget):  # noqa: F811
    widget.ui.deviceSection.collapsed = False
    wait(harness, lambda: widget.logic.panel.devices)
    return widget


def shown(widget):  # noqa: F811
    return [widget.ui.deviceCombo.itemText(n) for n in range(widget.ui.deviceCombo.count)]


def tell(widget, devices, why=""):  # noqa: F811
    widget.logic.panel._take_devices({"devices": devices, "why_no_gpu": why})


def test_the_fallback_to_the_cpu_is_said_with_the_reason(listed):
    if listed.logic.panel.devices[0]["name"] != "cpu":
        pytest.skip("needs a machine without a GPU")
    assert shown(listed) == ["Automatic: CPU", "CPU"]
    assert "Runs on the CPU, since" in listed.ui.deviceNote.text
    listed.ui.deviceCombo.currentIndex = 1
    listed.ui.deviceCombo.activated.emit(1)
    assert listed.logic.getParameterNode().device == "cpu"
    assert not listed.ui.deviceNote.visible  # it is what was asked for
    assert listed.ui.deviceSection.text == "Device: CPU"


def test_gpus_are_listed_with_their_free_memory(listed):
    tell(listed, [_GPU, _CPU])
    assert shown(listed) == ["Automatic: NVIDIA H200, 139.0 GB free", "NVIDIA H200, 139.0 GB free", "CPU"]
    assert not listed.ui.deviceNote.visible
    listed.ui.deviceCombo.activated.emit(1)
    assert listed.logic.getParameterNode().device == "cuda:0"
    assert listed.ui.deviceCombo.currentIndex == 1


def test_a_chosen_gpu_that_is_gone_is_said(listed):
    listed.logic.getParameterNode().device = "cuda:7"
    tell(listed, [_CPU], "No GPU.")
    assert "“cuda:7” is not here" in listed.ui.deviceNote.text


def test_before_anything_is_known_there_is_automatic_alone(widget):  # noqa: F811
    assert widget.ui.deviceCombo.count == 1
    assert widget.ui.deviceSection.text == "Device: Automatic"
    assert widget.logic.getParameterNode().device == "auto"
