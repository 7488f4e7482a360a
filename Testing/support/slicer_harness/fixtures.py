"""Pytest fixtures of the harness; a test file imports those that it uses."""

import pytest

from support.slicer_harness import available


@pytest.fixture
def mrml():
    """A clean scene, without Qt."""
    why = available.reason(qt=False)
    if why:
        pytest.skip(why)
    from support.slicer_harness import scene

    return scene.boot()


@pytest.fixture
def harness():
    """The started harness; the test fails if anything raised inside Qt or VTK and the test did not take it."""
    why = available.reason()
    if why:
        pytest.skip(why)
    from support.slicer_harness import application

    application.start()
    yield application
    left = list(application.errors)
    application.stop()
    assert not left


@pytest.fixture
def tiny(harness, tmp_path):
    """The open panel of a tiny module."""
    from support.slicer_harness import example

    harness.load_module(example.write(tmp_path))
    return harness.open_module("Tiny")
