"""The card of a model that was imported from nnU-Net: where it comes from, and what became of its labels."""

from __future__ import annotations

from ..description import Description
from . import totalsegmentator
from .checkpoints import Checkpoint
from .dataset import Outputs
from .settings import NnUNet
from .totalsegmentator import Task


def card_text(description: Description, outputs: Outputs, said: Checkpoint, task: Task | None) -> str:
    """Markdown of the card.

    Args:
        description: of the new model.
        outputs: with the names that its data set has for them.
        said: by the checkpoint of the first fold.
        task: of TotalSegmentator, where it is one of its models.
    """
    settings = description.nnunet
    assert settings is not None  # noqa: S101, it comes from nnU-Net
    return "\n".join(
        [
            f"# {description.title}",
            "",
            f"Segments {description.segments} in CT. For research only: not a medical device.",
            "",
            "## Licence of the weights",
            "",
            f"{description.licence.name}: {description.licence.terms}",
            "",
            "## Where it comes from",
            "",
            f"- {description.training.data}; imported, not trained here, and not measured here.",
            *_origin_lines(settings, said, task),
            "",
            "## Labels",
            "",
            "| in its data set | here |",
            "|---|---|",
            *_label_rows(settings, outputs),
            "",
        ]
    )


def _origin_lines(settings: NnUNet, said: Checkpoint, task: Task | None) -> list[str]:
    spacing, patch = " x ".join(f"{mm:g}" for mm in settings.spacing_mm), " x ".join(map(str, settings.patch))
    folds = "1 fold" if settings.folds == 1 else f"{settings.folds} folds"
    mirrors = f"along {len(settings.mirror_axes)} axes" if settings.mirror_axes else "off"
    shown = "as it is stored" if settings.orientation == "stored" else "in RAS"
    steps = ", with TotalSegmentator's own steps around nnU-Net" if task else ""
    cited = ", ".join(filter(None, (totalsegmentator.CITE, task.cite))) if task else ""
    return [
        *([f"- To be cited: {cited}."] if cited else []),
        f"- Configuration {settings.configuration}: {spacing} mm, patches of {patch} voxels, {folds}.",
        f"- Mirrored passes: {mirrors}; its checkpoint allows {len(said.mirror_axes)} axes.",
        f"- The CT is shown to it {shown}{steps}.",
    ]


def _label_rows(settings: NnUNet, outputs: Outputs) -> list[str]:
    pairs = zip(outputs.own, settings.outputs, strict=True)
    return [f"| {own.replace('|', '¦')} | {name.replace('_', ' ') or 'not shown'} |" for own, name in pairs]
