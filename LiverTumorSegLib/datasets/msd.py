"""MSD Task03_Liver: ``imagesTr/liver_N.nii.gz`` with ``labelsTr/liver_N.nii.gz``.

``dataset.json`` says nothing that the files do not, and may be missing; ``imagesTs`` has no labels and is no loss. The
folder may also be the one above, as the archive unpacks.
"""

from __future__ import annotations

import re
from pathlib import Path

from .. import files
from .dump import LeftOut
from .lits import alone, refuse_twice
from .scans import FileScan

_IMAGES, _LABELS = "imagesTr", "labelsTr"
_NAME = re.compile(r"liver_(\d+)\.nii(\.gz)?$")


def find(folder: Path) -> tuple[tuple[FileScan, ...], tuple[LeftOut, ...]]:
    """The scans of a folder by ascending number, and what is left out.

    Raises:
        UserError: one number occurs twice.
    """
    root = next((place for place in (folder, folder / "Task03_Liver") if (place / _IMAGES).is_dir()), None)
    if root is None:
        return (), ()
    images, labels = _numbered(root / _IMAGES), _numbered(root / _LABELS)
    both = sorted(images.keys() & labels.keys())
    left_out = (*alone(images, both, f"it has no {_LABELS}"), *alone(labels, both, f"it has no {_IMAGES}"))
    return tuple(FileScan(files.stem(images[number]), images[number], labels[number]) for number in both), left_out


def _numbered(folder: Path) -> dict[int, Path]:
    """Files by number; macOS's ``._liver_N`` begin with another name."""
    found: dict[int, Path] = {}
    for path in sorted(folder.glob("liver_*")):
        named = _NAME.match(path.name)
        if named:
            number = int(named[1])
            refuse_twice(found.get(number), path)
            found[number] = path
    return found
