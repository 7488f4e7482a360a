import importlib
import importlib.util

import pytest
from support.slicer_harness import available


@pytest.fixture(autouse=True)
def fresh():
    available.reason.cache_clear()
    yield
    available.reason.cache_clear()


def missing(name):
    def fail(wanted):
        if wanted == name:
            message = f"cannot open shared object file of {name}"
            raise ImportError(message)

    return fail


def test_a_library_that_does_not_load_is_the_reason(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", missing("PySide6.QtWidgets"))
    assert "cannot open shared object file" in available.reason()


def test_mrml_alone_does_not_need_qt(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", missing("PySide6.QtWidgets"))
    assert available.reason(qt=False) is None


def test_without_the_offscreen_platform_qt_is_not_started(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib, "import_module", lambda _: None)
    empty = importlib.util.spec_from_file_location("PySide6", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: empty)
    assert "offscreen" in available.reason()


def test_a_test_file_is_skipped_with_the_reason(monkeypatch):
    monkeypatch.setattr(available, "reason", lambda _: "no Qt here")
    with pytest.raises(pytest.skip.Exception, match="no Qt here"):
        available.load("application")
