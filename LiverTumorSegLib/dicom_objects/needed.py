"""What writing DICOM objects needs beside the library's own packages."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import UserError

_PACKAGES = ("pydicom", "highdicom")


def require() -> None:
    """Say at once what is missing; call it before the other modules here are imported.

    Raises:
        UserError: a package is missing.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        msg = (
            f"DICOM objects need packages that are not here ({', '.join(missing)}): pip install 'livertumorseg[dicom]'."
        )
        raise UserError(msg)
