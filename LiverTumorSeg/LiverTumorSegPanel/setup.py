"""Packages that the worker needs and Slicer does not bring: found without importing, installed when the user asks."""

import importlib
import importlib.metadata
import re
from pathlib import Path
from types import ModuleType

import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.core.atomic_files import system_temporary_folder
from LiverTumorSegLib.core.errors import UserError

_TORCH = "torch"
_KEPT = ("numpy", "simpleitk", "scipy", "vtk", _TORCH)
"""Packages of Slicer, or of its PyTorch extension, that no installation may replace."""


def missingPackages(requirements: Path) -> list[str]:
    """Requirements that are not met, such as ``monai>=1.5``."""
    lines = (line.strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#") and not _isMet(line)]


def install(missing: list[str]) -> None:
    """Install what is missing: PyTorch through its extension, the rest without touching Slicer's own packages.

    Raises:
        UserError: the PyTorch extension is not there, or the installation failed.
    """
    torch = [line for line in missing if _split(line)[0] == _TORCH]
    rest = [line for line in missing if line not in torch]
    try:
        if torch:
            _installTorch(torch[0])
        if rest:
            _installRest(rest)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            _("The installation failed ({error}): check the connection, then press the button again.").format(
                error=str(error).strip() or type(error).__name__
            )
        ) from error
    importlib.invalidate_caches()


def _installTorch(requirement: str) -> None:
    try:
        import PyTorchUtils  # the PyTorch extension: it chooses the build that fits the graphics card
    except ImportError as error:
        raise UserError(
            _(
                "The PyTorch extension is missing: install it in the Extensions Manager, restart Slicer, "
                "then press the button again."
            )
        ) from error
    version = requirement.removeprefix(_TORCH)
    if PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=version) is None:
        raise UserError(_("PyTorch was not installed: press the button again when you are ready."))


def _installRest(requirements: list[str]) -> None:
    with system_temporary_folder() as folder:
        constraints = folder / "constraints.txt"
        constraints.write_text("".join(f"{line}\n" for line in _installedVersions()), encoding="utf-8")
        ensure = getattr(_packaging(), "pip_ensure", None)
        if ensure:
            ensure(requirements, requester="LiverTumorSeg", constraints=str(constraints))
        else:
            slicer.util.pip_install([*requirements, "--constraint", str(constraints)])


def _packaging() -> ModuleType | None:
    try:
        return importlib.import_module("slicer.packaging")  # since Slicer 5.11
    except ImportError:
        return None


def _installedVersions() -> list[str]:
    found = {each.name: each.version for each in importlib.metadata.distributions() if each.name}
    return [f"{name}=={version}" for name, version in found.items() if name.lower() in _KEPT]


def _isMet(requirement: str) -> bool:
    name, wanted = _split(requirement)
    try:
        return _numbers(importlib.metadata.version(name)) >= _numbers(wanted)
    except importlib.metadata.PackageNotFoundError:
        return False


def _split(requirement: str) -> tuple[str, str]:
    name, _sign, version = requirement.partition(">=")
    return name.strip(), version.strip()


def _numbers(version: str) -> tuple[int, ...]:
    """``2.13.0+cpu`` as 2, 13, 0."""
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3])
