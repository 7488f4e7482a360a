"""Packages that the worker needs and Slicer does not bring: found without importing, installed when the user asks."""

import contextlib
import importlib
import importlib.metadata
import io
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.core.atomic_files import system_temporary_folder
from LiverTumorSegLib.core.errors import UserError

from . import extensions

DICOM_PACKAGES = ("highdicom>=0.28",)
"""Needed for DICOM objects alone; pydicom, which they need too, is Slicer's own."""

_TORCH = "torch"
_KEPT = ("numpy", "simpleitk", "scipy", "vtk", "pydicom", _TORCH)
"""Packages of Slicer, or of its PyTorch extension, that no installation may replace."""

_DECLINED = re.compile("declin|abort|cancel", re.IGNORECASE)
Tell = Callable[[str], None]
"""Takes a line that is shown."""


@dataclass(frozen=True)
class Requirement:
    """A package that is needed.

    Args:
        name: of the package.
        wanted: the least version; empty for any.
        installed: version that is there; empty for none.
    """

    name: str
    wanted: str
    installed: str

    @property
    def isMet(self) -> bool:
        """Whether it is there, and new enough."""
        return bool(self.installed) and _numbers(self.installed) >= _numbers(self.wanted)


def requirementsIn(path: Path) -> list[str]:
    """Lines of a file of requirements, such as ``monai>=1.5``."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def missingPackages(requirements: Path) -> list[str]:
    """Requirements that are not met, such as ``monai>=1.5``."""
    return missingOf(requirementsIn(requirements))


def missingOf(lines: list[str] | tuple[str, ...]) -> list[str]:
    """Those of these requirements that are not met."""
    return [line for line in lines if not readRequirement(line).isMet]


def readRequirement(line: str) -> Requirement:
    """A requirement, with the version of it that is there."""
    name, wanted = _split(line)
    try:
        return Requirement(name, wanted, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Requirement(name, wanted, "")


def mayChange(missing: list[str]) -> list[str]:
    """Packages of Slicer that may be replaced by newer versions: one that others need, and those that are too old."""
    old = [need.name for need in map(readRequirement, missing) if need.installed]
    return [name for name in ("typing_extensions", *old) if name.lower() not in _KEPT]


def install(missing: list[str], tell: Tell = print, *, again: bool = False, ask: bool = True) -> None:
    """Install what is missing: PyTorch through its extension, the rest without touching Slicer's own packages.

    Args:
        missing: requirements.
        tell: gets every line that the installation prints; Slicer handles events meanwhile.
        again: install also what is there.
        ask: let Slicer ask once more, where it does.

    Raises:
        UserError: the user declined, the PyTorch extension is not there, or the installation failed.
    """
    torch = [line for line in missing if _split(line)[0] == _TORCH]
    rest = [line for line in missing if line not in torch]
    try:
        with _heard(tell):
            if torch:
                _installTorch(torch[0], again=again, ask=ask)
            if rest:
                _installRest(rest, again=again, ask=ask)
    except UserError:
        raise
    except Exception as error:
        raise _failure(error) from error
    finally:
        importlib.invalidate_caches()


def _failure(error: Exception) -> UserError:
    """Slicer 5.12 raises a plain RuntimeError where the user declines, and other errors where pip fails."""
    declined = type(error) is RuntimeError and _DECLINED.search(str(error))
    if declined or type(error).__name__ == "InstallationAbortedError":
        return UserError(_("Nothing was installed: press the button again when you are ready."))
    return UserError(
        _("The installation failed ({error}): check the connection, then press the button again.").format(
            error=str(error).strip() or type(error).__name__
        )
    )


class _Lines(io.TextIOBase):
    """Hands whole lines on, beside what it stands for."""

    def __init__(self, tell: Tell, beside: io.TextIOBase) -> None:
        super().__init__()
        self._tell, self._beside, self._rest = tell, beside, ""

    def write(self, text: str) -> int:
        self._beside.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self._tell(line.rstrip())
        return len(text)

    def flush(self) -> None:
        self._beside.flush()


@contextlib.contextmanager
def _heard(tell: Tell) -> Iterator[None]:
    """Slicer prints what pip says, in every version, and only some have a function that is told."""
    if tell is print:
        yield
    else:
        with contextlib.redirect_stdout(_Lines(tell, sys.stdout)):  # type: ignore[arg-type]
            yield


def _installTorch(requirement: str, *, again: bool, ask: bool) -> None:
    try:
        import PyTorchUtils  # the PyTorch extension: it chooses the build that fits the graphics card
    except ImportError:
        extensions.offer("PyTorch")
        return
    logic, version = PyTorchUtils.PyTorchUtilsLogic(), requirement.removeprefix(_TORCH)
    if again:
        logic.uninstallTorch()
    if logic.installTorch(askConfirmation=ask, torchVersionRequirement=version) is None:
        raise UserError(_("PyTorch was not installed: press the button again when you are ready."))


def _installRest(requirements: list[str], *, again: bool, ask: bool) -> None:
    with system_temporary_folder() as folder:
        constraints = folder / "constraints.txt"
        constraints.write_text("".join(f"{line}\n" for line in _installedVersions()), encoding="utf-8")
        ensure, limited = getattr(_packaging(), "pip_ensure", None), ["--constraint", str(constraints)]
        if again:
            own = [line for line in requirements if _split(line)[0].lower() not in _KEPT]
            slicer.util.pip_install([*own, "--force-reinstall", "--no-deps", *limited])
            slicer.util.pip_install([*requirements, *limited])
        elif ensure:
            asked = {} if ask else {"prompt_install": False}
            ensure(requirements, requester="LiverTumorSeg", constraints=str(constraints), **asked)
        else:
            slicer.util.pip_install([*requirements, *limited])


def _packaging() -> ModuleType | None:
    try:
        return importlib.import_module("slicer.packaging")  # since Slicer 5.11
    except ImportError:
        return None


def allVersions() -> dict[str, str]:
    """The version of every package that is there."""
    importlib.invalidate_caches()
    return {each.name: each.version for each in importlib.metadata.distributions() if each.name}


def _installedVersions() -> list[str]:
    return [f"{name}=={version}" for name, version in allVersions().items() if name.lower() in _KEPT]


def _split(requirement: str) -> tuple[str, str]:
    name, _sign, version = requirement.partition(">=")
    return name.strip(), version.strip()


def _numbers(version: str) -> tuple[int, ...]:
    """``2.13.0+cpu`` as 2, 13, 0."""
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3])
