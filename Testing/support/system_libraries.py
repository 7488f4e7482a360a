"""Finds what tests need of the system (Qt, VTK, a browser, DICOM programs), and installs it as root on Debian."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
# Programs of the tests of DICOM and of the shared queue, and the archive's DICOMweb plugin.
PROGRAMS = {
    "Orthanc": "orthanc",
    "libOrthancDicomWeb.so": "orthanc-dicomweb",
    "storescu": "dcmtk",
    "dciodvfy": "dicom3tools",
    "postgres": "postgresql",
}
# Where Debian puts those that are in no user's PATH.
PLACES = ("usr/sbin", "usr/share/orthanc/plugins", "usr/lib/postgresql/*/bin")
# Packages with a system service of the same name, which tests have no use for: they start programs of their own.
SERVICES = ("orthanc", "postgresql")
# What Debian's tools ask before they start a service (policy-rc.d of invoke-rc.d); 101 forbids it.
POLICY = Path("/usr/sbin/policy-rc.d")
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


def _which(name: str) -> str | None:
    """As the shell finds it, but for what pip installed: pynetdicom brings programs with names of dcmtk's."""
    own = Path(sys.executable).parent
    return shutil.which(name, path=os.pathsep.join(folder for folder in os.get_exec_path() if Path(folder) != own))


def program(name: str, which: Which = _which, root: Path = Path("/")) -> Path | None:
    """Where a program or plugin is, such as ``Orthanc``, ``storescu`` or ``initdb``; None where it is not there.

    Of several versions it is that of the last name.
    """
    if path := which(name):
        return Path(path)
    return max((found for place in PLACES for found in root.glob(f"{place}/{name}")), default=None)


def reason(*names: str) -> str:
    """Why a test is skipped that needs these of :data:`PROGRAMS`, with the line that installs what is missing."""
    lacking = [name for name in names if not program(name)]
    return f"needs {', '.join(lacking)}: {advice(lacking)}" if lacking else ""


def missing(
    has: Finder = has_library, which: Which = _which, platform: str = sys.platform, root: Path = Path("/")
) -> list[str]:
    """The libraries and programs that are not there; looked for on Linux alone, where the wheels need them."""
    if platform != "linux":
        return []
    found = [name for name in LIBRARIES if not has(name)]
    found += [] if browser(which) else [BROWSER]
    return found + [name for name in PROGRAMS if not program(name, which, root)]


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
    found = {(LIBRARIES | PROGRAMS).get(name, name) for name in names}
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


@contextmanager
def no_services(policy: Path = POLICY) -> Iterator[None]:
    """While packages are installed, none of their services is started; a policy that the machine has is kept."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def install(names: list[str], version: int, runner: Runner = run, policy: Path = POLICY) -> bool:
    """Let apt-get install the packages; a failure is told in one sentence and stops nothing.

    Services that come along are not started, now or with the machine.
    """
    wanted = packages(names, version)
    try:
        runner([*APT, "update"], UPDATE_SECONDS)
        with no_services(policy):
            runner([*APT, "install", "-y", "--no-install-recommends", *wanted], INSTALL_SECONDS)
        for service in set(wanted).intersection(SERVICES):
            runner(["update-rc.d", service, "disable"], UPDATE_SECONDS)
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
    which: Which = _which,
    runner: Runner = run,
    policy: Path = POLICY,
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
    install(names, version, runner, policy)


if __name__ == "__main__":
    main()
