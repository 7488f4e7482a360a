"""A check for packages that only some of the program's uses need, made before the modules that import them are."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from .errors import UserError

_DICOM_OBJECTS = ("pydicom", "highdicom")


def require_packages(use: str, packages: Iterable[str], extra: str) -> None:
    """Say at once which packages of a use are missing, and how to get them.

    Args:
        use: the sentence's beginning, such as ``The page needs``.
        packages: names of modules.
        extra: the optional dependencies of this program that bring them.

    Raises:
        UserError: a package is missing.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        msg = f"{use} packages that are not installed ({names}): pip install 'livertumorseg[{extra}]'."
        raise UserError(msg)


def require_dicom_packages() -> None:
    """Say at once which packages are missing that DICOM objects are written with.

    Raises:
        UserError: a package is missing.
    """
    require_packages("DICOM objects need", _DICOM_OBJECTS, "dicom")
