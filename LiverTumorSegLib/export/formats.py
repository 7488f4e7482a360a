"""The formats, and one way through all of them: write, check, and only then let the folder appear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..core.atomic_files import refuse_folder, whole_folder
from ..core.errors import UserError
from ..core.volume import Volume
from ..models.description import Description
from ..models.model_folder import Model
from . import monai_bundle, onnx_export, torch_export
from .check import Agreement, SampleSlice, compare_logits, prepare_sample_slice, refuse_disagreement
from .readme import write_readme


@dataclass(frozen=True)
class Format:
    """A format, with how it is written and run.

    Args:
        title: for readers.
        use: how the files are run, Markdown.
        contents: names in the folder.
        card: where in the folder its README goes.
        check: raises :class:`UserError` where a model cannot be written so.
        write: writes a model into a folder.
        run: logits of what was written.
    """

    title: str
    use: str
    contents: frozenset[str]
    card: str
    check: Callable[[Description], None]
    write: Callable[[Path, Model], None]
    run: Callable[[Path, SampleSlice], torch.Tensor]


FORMATS = {
    "onnx": Format(
        "ONNX",
        onnx_export.USE,
        onnx_export.CONTENTS,
        "README.md",
        lambda _: onnx_export.check_packages(),
        onnx_export.write,
        onnx_export.run,
    ),
    "torch-export": Format(
        "PyTorch graph",
        torch_export.USE,
        torch_export.CONTENTS,
        "README.md",
        lambda _: None,
        torch_export.write,
        torch_export.run,
    ),
    "monai-bundle": Format(
        "MONAI bundle",
        monai_bundle.USE,
        monai_bundle.CONTENTS,
        "docs/README.md",
        monai_bundle.check,
        monai_bundle.write,
        monai_bundle.run,
    ),
}


@torch.no_grad()
def export(
    model: Model,
    name: str,
    folder: Path,
    *,
    volume: Volume | None = None,
    number: int | None = None,
    overwrite: bool = False,
) -> Agreement:
    """Write a model for other programs, and check what was written against the original on a real slice.

    What is exported takes preprocessed channels and returns logits; only a MONAI bundle holds the preprocessing too.

    Args:
        model: from :func:`LiverTumorSegLib.models.model_folder.load`.
        name: of a format, one of :data:`FORMATS`.
        folder: appears whole and checked, or not at all.
        volume: CT to check on; None for the phantom.
        number: of its slice, counted from 1 at the feet; None for the one with most soft tissue.
        overwrite: replace an older export of that format.

    Raises:
        UserError: there is no such format or slice, the format cannot hold the model, a package is missing, the folder
            exists, or the exported network differs by more than :mod:`.check` allows.
    """
    chosen = _format(name)
    if model.description.nnunet is not None:
        msg = f"The model “{model.description.name}” comes from nnU-Net: take its own folder to other programs."
        raise UserError(msg)
    if model.description.clicks is not None:
        msg = f"The model “{model.description.name}” answers to clicks, for which no other program has a format."
        raise UserError(msg)
    if model.description.needs_liver:
        msg = f"The model “{model.description.name}” looks closer at a liver that another finds: join the two first."
        raise UserError(msg)
    refuse_folder(folder, overwrite=overwrite, holds=chosen.contents)
    chosen.check(model.description)
    shown = prepare_sample_slice(model, volume, number)
    original = model.network(shown.channels)
    with whole_folder(folder, overwrite=overwrite, holds=chosen.contents) as new:
        chosen.write(new, model)
        agreement = compare_logits(model.description.head, original, chosen.run(new, shown))
        refuse_disagreement(agreement)
        (new / chosen.card).write_text(write_readme(model, chosen.title, chosen.use, agreement), encoding="utf-8")
    return agreement


def _format(name: str) -> Format:
    if name not in FORMATS:
        msg = f"There is no format called “{name}”: choose one of {', '.join(FORMATS)}."
        raise UserError(msg)
    return FORMATS[name]
