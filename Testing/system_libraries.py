"""Finds what Qt, VTK and the browser tests need of the system, and installs it as root on Debian."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# What PySide6's offscreen platform is linked with, and what VTK opens by name, by the Debian package that holds it.
# libgl1 brings Mesa's drivers along, libfontconfig1 a font. The wheels carry everything else, CMake's among them.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
}
BROWSER = "chromium"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Renamed when Debian's times became 64 bits wide, from Debian 13 on.
RENAMED = {"libglib2.0-0": "libglib2.0-0t64"}
FIRST_RENAMED = 13
OS_RELEASE = Path("/etc/os-release")
APT = ("apt-get", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")
UPDATE_SECONDS, INSTALL_SECONDS = 120, 900

Finder = Callable[[str], bool]
Which = Callable[[str], str | None]
Runner = Callable[[list[str], int], None]


def has_library(name: str) -> bool:
    """Whether the dynamic linker finds a library."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def browser(which: Which = shutil.which) -> str | None:
    """The browser that the tests can drive."""
    return next((path for name in BROWSERS if (path := which(name))), None)


def missing(has: Finder = has_library, which: Which = shutil.which, platform: str = sys.platform) -> list[str]:
    """The libraries and programs that are not there; looked for on Linux alone, where the wheels need them."""
    if platform != "linux":
        return []
    libraries = [name for name in LIBRARIES if not has(name)]
    return libraries if browser(which) else [*libraries, BROWSER]


def system(release: Path = OS_RELEASE) -> tuple[str, int]:
    """The distribution's name and its main version; version 0 where it has none, as Debian's unstable."""
    if not release.is_file():
        return "", 0
    lines = [line.partition("=") for line in release.read_text(encoding="utf-8").splitlines()]
    values = {key: value.strip("\"'") for key, _, value in lines}
    version = values.get("VERSION_ID", "").partition(".")[0]
    return values.get("ID", ""), int(version) if version.isdigit() else 0


def packages(names: list[str], version: int) -> list[str]:
    """The Debian packages that hold these libraries and programs."""
    old = version and version < FIRST_RENAMED
    found = {LIBRARIES.get(name, name) for name in names}
    return sorted(package if old else RENAMED.get(package, package) for package in found)


def advice(names: list[str] | None = None, release: Path = OS_RELEASE) -> str:
    """The one line that installs what is missing; empty where nothing is."""
    names = missing() if names is None else names
    if not names:
        return ""
    distribution, version = system(release)
    if distribution == "debian":
        return f"apt-get install --no-install-recommends {' '.join(packages(names, version))}"
    return f"Install with the system's package manager: {' '.join(names)}"


def run(command: list[str], seconds: int) -> None:
    """Run a command without questions, for so long; its output is kept for the error."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=seconds)


def install(names: list[str], version: int, runner: Runner = run) -> bool:
    """Let apt-get install the packages; a failure is told in one sentence and stops nothing."""
    try:
        runner([*APT, "update"], UPDATE_SECONDS)
        runner([*APT, "install", "-y", "--no-install-recommends", *packages(names, version)], INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"apt-get did not succeed ({last_line(error)}): the tests that need {', '.join(names)} are skipped.")
        return False
    return True


def last_line(error: Exception) -> str:
    """What a failed command said last, else the error itself."""
    lines = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else str(error)


def main(
    *,
    names: list[str] | None = None,
    release: Path = OS_RELEASE,
    root: bool | None = None,
    which: Which = shutil.which,
    runner: Runner = run,
) -> None:
    """Install what is missing where that needs no password, else say what installs it."""
    names = missing(which=which) if names is None else names
    if not names:
        return
    root = hasattr(os, "geteuid") and os.geteuid() == 0 if root is None else root
    distribution, version = system(release)
    if not (root and distribution == "debian" and which("apt-get")):
        print(f"Some tests are skipped for want of {', '.join(names)}. To run them: {advice(names, release)}")
        return
    print(f"Installing with apt-get, for the tests: {' '.join(packages(names, version))}", flush=True)
    install(names, version, runner)


if __name__ == "__main__":
    main()
