"""A browser without a window, for pages that need no server and no click."""

import subprocess

import pytest

from support import system_libraries
from support.waiting import PATIENCE

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@pytest.fixture
def browser():
    """A browser's program; the test is skipped where there is none."""
    found = system_libraries.browser()
    if not found:
        pytest.skip(f"needs a browser: {system_libraries.advice()}")
    return found


def run(browser, tmp_path, *arguments):
    """Run a browser until it ends by itself: its standard output."""
    command = [browser, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
