import functools

import pytest
from support.slicer_harness import available

harness = available.load("fixtures").harness


@pytest.fixture
def button(harness):
    import qt

    return qt.QPushButton()


def test_surplus_arguments_are_cut_to_what_the_function_takes(button):
    heard = []
    button.connect("clicked(bool)", lambda: heard.append("none"))
    button.connect("clicked(bool)", lambda checked: heard.append(checked))
    button.connect("clicked(bool)", lambda *values: heard.append(values))
    button.click()
    assert heard == ["none", False, (False,)]


def test_defaulted_parameters_are_overwritten(button):
    heard = []

    def listen(volume="default"):
        heard.append(volume)

    button.clicked.connect(listen)
    button.click()
    assert heard == [False]


def test_methods_lose_surplus_arguments_too(button):
    class Listener:
        def __init__(self):
            self.count = 0

        def hear(self):
            self.count += 1

    listener = Listener()
    button.clicked.connect(listener.hear)
    button.connect("clicked()", listener.hear)
    button.click()
    assert listener.count == 2


def test_other_callables_get_every_argument(button):
    heard = []
    button.clicked.connect(functools.partial(lambda first, *rest: heard.append((first, rest)), "a"))
    button.click()
    assert heard == [("a", (False,))]


def test_a_signal_may_go_to_a_slot_or_another_signal(button):
    import qt

    box, other = qt.QCheckBox(), qt.QPushButton()
    heard = []
    button.checkable = True
    button.toggled.connect(box.setChecked)
    button.clicked.connect(other.clicked)
    other.clicked.connect(lambda: heard.append("other"))
    button.click()
    assert box.checked
    assert heard == ["other"]


def test_disconnecting_works_by_either_way_of_connecting(button):
    heard = []

    def listen():
        heard.append(1)

    button.connect("clicked(bool)", listen)
    assert button.clicked.disconnect(listen)
    button.clicked.connect(listen)
    assert button.disconnect("clicked(bool)", listen)
    assert not button.disconnect("clicked(bool)", listen)
    button.click()
    assert heard == []


def test_an_unknown_signal_is_caught(button):
    import slicer

    for signal in ("clickd(bool)", "clicked(int)", "clicked"):
        with pytest.raises(ValueError, match="no signal"):
            button.connect(signal, print)
    with pytest.raises(ValueError, match="no signal"):
        slicer.qMRMLNodeComboBox().connect("currentNodeChanged(PyObject)", print)


def test_calling_a_signal_emits_it(button):
    heard = []
    button.clicked.connect(heard.append)
    button.clicked(True)
    assert heard == [True]


def test_a_function_that_wants_more_arguments_fails_when_the_signal_comes(harness, button):
    button.connect("clicked(bool)", lambda _first, _second: None)
    button.click()
    assert isinstance(harness.errors.pop(), TypeError)
