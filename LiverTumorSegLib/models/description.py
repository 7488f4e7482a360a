"""The schema of ``model.json``, which describes a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from ..core.labels import LESION_LABEL, LIVER_LABEL
from ..core.schema import StrictModel
from ..core.volume import stack_offsets
from ..postprocessing.ct_likeness import SeenCTs
from ..postprocessing.lesion_scores import LesionScores
from ..postprocessing.options import OPTIONS
from ..postprocessing.settings import Postprocessing
from ..preprocessing import Chain
from .nnunet.settings import NnUNet
from .shipped import is_research_only

if TYPE_CHECKING:
    import torch

_VALUES = {"liver": LIVER_LABEL, "lesion": LESION_LABEL}

SpacingMm = Annotated[float, Field(gt=0.1, le=20)]
PatchSize = Annotated[int, Field(ge=1, le=1024)]
Binary = tuple[Literal["background"], Literal["liver", "lesion"]]
Joint = tuple[Literal["background"], Literal["liver"], Literal["lesion"]]
Neither = tuple[Literal["background"]]
JOINT: Joint = ("background", "liver", "lesion")
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ModelName = Annotated[str, Field(pattern=MODEL_NAME)]


class SliceStack(StrictModel):
    """Neighbouring slices that are a network's channels: their number, and how far apart they should be."""

    slices: int = Field(1, ge=1, le=31)
    spacing_mm: float = Field(3.0, gt=0)

    @model_validator(mode="after")
    def _is_centred(self) -> SliceStack:
        if self.slices % 2 == 0:
            msg = f"a stack has an odd number of slices, not {self.slices}"
            raise ValueError(msg)
        return self

    def offsets(self, slice_mm: float) -> list[int]:
        """Where the slices are that are shown in a CT with slices so far apart; training shows the same."""
        return stack_offsets(self.slices, self.spacing_mm, slice_mm)


class Patches(StrictModel):
    """Overlapping patches, at a standard spacing, in which a network for volumes sees one.

    Args:
        spacing_mm: between slices, rows and columns.
        size: slices, rows and columns of a patch.
        overlap: share of a patch that its neighbour covers too.
    """

    spacing_mm: tuple[SpacingMm, SpacingMm, SpacingMm]
    size: tuple[PatchSize, PatchSize, PatchSize]
    overlap: float = Field(0.5, ge=0, le=0.9)


class ClickPatches(StrictModel):
    """Patches around clicks, of a network that segments the one lesion that was clicked into.

    Args:
        spacing_mm: between slices, rows and columns of the finest patch.
        size: slices, rows and columns of a patch.
        zooms: how much larger voxels may be, rising from 1, for lesions that do not fit into the finest.
    """

    spacing_mm: tuple[SpacingMm, SpacingMm, SpacingMm] = (1.5, 1.0, 1.0)
    size: tuple[PatchSize, PatchSize, PatchSize] = (32, 48, 48)
    zooms: tuple[float, ...] = Field((1.0, 2.0, 4.0), min_length=1)

    @model_validator(mode="after")
    def _zooms_rise(self) -> ClickPatches:
        if self.zooms[0] != 1 or any(b <= a for a, b in pairwise(self.zooms)) or self.zooms[-1] > _LARGEST_ZOOM:
            msg = f"zooms rise from 1 to at most {_LARGEST_ZOOM}, and are not {', '.join(map(str, self.zooms))}"
            raise ValueError(msg)
        return self

    def step_mm(self, zoom: float) -> tuple[float, float, float]:
        """Millimetres between slices, rows and columns of a patch at a zoom."""
        deep, row, column = (mm * zoom for mm in self.spacing_mm)
        return deep, row, column

    def finest_zoom(self, extent_mm: Sequence[float]) -> int:
        """Which zoom is the finest whose patch shows so many millimetres with room around; the last where none does."""
        for number, zoom in enumerate(self.zooms):
            sides = zip(extent_mm, self.size, self.step_mm(zoom), strict=True)
            if all(extent <= _FILLED * n * step for extent, n, step in sides):
                return number
        return len(self.zooms) - 1


_LARGEST_ZOOM = 16
_FILLED = 0.8
"""Share of a patch's side that what is looked at may fill."""

CLICK_CHANNELS = ("image", "inside", "outside", "previous", "automatic", "automatic is known", "zoom")
"""Channels that a network for clicks sees, in their order."""


class NetworkSpec(StrictModel):
    """Arguments of :func:`networks.create`."""

    name: str
    in_channels: int = Field(ge=1)
    classes: int = Field(3, ge=1, le=255)
    options: dict[str, Any] = Field(default_factory=dict)


def check_channels(network: NetworkSpec, stack: SliceStack, chain: Chain, clicks: ClickPatches | None = None) -> None:
    """Raise ``ValueError`` where a network's channels are not those of its stack of preprocessed slices, or clicks."""
    if clicks:
        _check_clicks(network, stack, chain)
        return
    given = stack.slices * chain.channels
    if network.in_channels != given:
        parts = f"{stack.slices} slices with {chain.channels} channels each"
        msg = f"a stack of {parts} has {given} channels, not {network.in_channels}"
        raise ValueError(msg)
    if network.name == "dalu_net":
        _check_slices(network.options, stack, given)


def _check_clicks(network: NetworkSpec, stack: SliceStack, chain: Chain) -> None:
    if stack.slices > 1 or chain.channels > 1:
        msg = "a network for clicks sees patches of one channel: leave stack out, and take a chain with one channel"
        raise ValueError(msg)
    if network.in_channels != len(CLICK_CHANNELS):
        msg = f"a network for clicks sees {len(CLICK_CHANNELS)} channels, not {network.in_channels}"
        raise ValueError(msg)


def _check_slices(options: dict[str, Any], stack: SliceStack, channels: int) -> None:
    if options.get("slices", channels) != stack.slices:
        msg = f"dalu_net has to tell slices from channels: give it the option slices: {stack.slices}"
        raise ValueError(msg)
    if options.get("all_slices"):
        msg = "a model gives the labels of a stack's middle slice: leave the option all_slices out"
        raise ValueError(msg)


def check_labels(network: NetworkSpec, labels: Binary | Joint | Neither) -> None:
    """Raise ``ValueError`` where a network's logits cannot stand for these labels."""
    if network.classes != len(labels) and not (network.classes == 1 and len(labels) == 2):
        msg = f"{network.classes} classes cannot stand for {', '.join(labels)}"
        raise ValueError(msg)


class Licence(StrictModel):
    """Licence of the weights and what it means in words."""

    name: str
    terms: str

    @property
    def research_only(self) -> bool:
        """Whether weights may not be used commercially; see :func:`.shipped.is_research_only`."""
        return is_research_only(self.name, self.terms)


class WeightsFile(StrictModel):
    """The weights' checksum and size."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)


class PatientDice(StrictModel):
    """Dice of one patient; None where the model does not find it, or the reference has no lesion.

    The volume of false lesions is None where the reference does not tell lesions from the liver.
    """

    liver_dice: float | None
    lesion_dice: float | None
    false_lesion_ml: float | None = 0.0


class LesionsFound(StrictModel):
    """Lesions found and missed, and false ones, at the usual sensitivity.

    Args:
        patients: that were measured, with and without lesions.
        by_size: lesions found, and all, by class of the longest diameter in an axial slice.
        by_size_well_outlined: the same of those that are found with an IoU of 0.5 or more.
        false_per_patient: lesions marked that are none, on average.
        dice_where_found: mean lesion Dice of the patients in whom any lesion was found; None without one.
    """

    patients: int
    by_size: dict[str, tuple[int, int]]
    by_size_well_outlined: dict[str, tuple[int, int]]
    false_per_patient: float
    dice_where_found: float | None

    @property
    def in_words(self) -> str:
        """One line that a clinician reads."""
        parts = [
            f"{found} of {everyone} {'of ' if name[0].isdigit() else ''}{name.replace('_', ' ')}"
            for name, (found, everyone) in reversed(self.by_size.items())
            if everyone
        ]
        dice = (
            ""
            if self.dice_where_found is None
            else f"; where any was found, lesion Dice was {self.dice_where_found:.2f}"
        )
        return (
            f"Of the lesions in {self.patients} patients that were not trained on, models of this recipe found "
            f"{', '.join(parts) or 'none, as there are none'}, with {self.false_per_patient:.1f} false ones a "
            f"patient{dice}."
        )


class MeasuredAccuracy(StrictModel):
    """Measured accuracy by patient: of this model and, by their names, of others on the same patients."""

    definition: str
    command: str
    cases: dict[str, PatientDice]
    compared: dict[str, dict[str, PatientDice]] = Field(default_factory=dict)
    lesions: LesionsFound | None = None
    remark: str = ""

    @property
    def in_words(self) -> str:
        """Means over the patients, for a reader."""
        liver = [c.liver_dice for c in self.cases.values() if c.liver_dice is not None]
        lesion = [c.lesion_dice for c in self.cases.values() if c.lesion_dice is not None]
        parts = [("liver", liver), ("lesion", lesion)]
        means = [f"{name} {sum(x) / len(x):.3f} over {len(x)} patients" for name, x in parts if x]
        if not means:
            return "No patient had anything that the model finds."
        found = f" {self.lesions.in_words}" if self.lesions else ""
        return f"Mean Dice: {', '.join(means)}.{found}"


class Evidence(StrictModel):
    """A table of the card on how the model came to be chosen or how well it does, with the command that made it.

    Args:
        title: of the table.
        text: what is measured, on whom, and what follows; whole sentences.
        command: that measured it.
        head: names of the columns.
        rows: cells as they are printed, as many a row as there are columns.
    """

    title: str
    text: str
    command: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @model_validator(mode="after")
    def _rows_fit(self) -> Evidence:
        if any(len(row) != len(self.head) for row in self.rows):
            msg = f"every row has a cell for each of the {len(self.head)} columns"
            raise ValueError(msg)
        return self


class Training(StrictModel):
    """Origin of the weights: data, patients, command and recipe."""

    data: str
    patients: tuple[str, ...]
    validation_patients: tuple[str, ...]
    seed: int
    command: str
    recipe: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """Meaning of a network's logits.

    Args:
        values: label of each channel but the background's, rising; a single channel without background is a
            sigmoid's.
        sigmoid: whether the background has no channel.
    """

    values: tuple[int, ...]
    sigmoid: bool = False

    def over_background(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits less the background's, ``[batch, label, *size]``: positive where a label beats the background."""
        return logits if self.sigmoid else logits[:, 1:] - logits[:, :1]


class CloserNetwork(StrictModel):
    """A second network of a model, which looks at the liver that the first has found again.

    Args:
        network: with as many classes as the first.
        preprocessing: with the step ``liver_level``.
        stack: neighbouring slices as channels.
        share: of its logits in the mean of both networks'; more than half, since it sees more.
        training: of its weights.
    """

    network: NetworkSpec
    preprocessing: Chain
    stack: SliceStack = SliceStack()
    share: float = Field(2 / 3, gt=0, le=1)
    training: Training


class Description(StrictModel):
    """The content of ``model.json``.

    Without ``lesion_scores`` every lesion that clean-up leaves is kept. A model that comes from nnU-Net says in
    ``nnunet`` how a CT comes to its network, and in ``labels`` what of liver and lesions it finds, maybe nothing.
    """

    format: Literal[1] = 1
    name: ModelName
    title: str
    segments: str
    network: NetworkSpec
    preprocessing: Chain = Chain(())
    stack: SliceStack = SliceStack()
    patches: Patches | None = None
    clicks: ClickPatches | None = None
    nnunet: NnUNet | None = None
    closer: CloserNetwork | None = None
    labels: Binary | Joint | Neither = JOINT
    postprocessing: Postprocessing = Postprocessing()
    lesion_scores: LesionScores | None = None
    seen_cts: SeenCTs | None = None
    weights: WeightsFile
    training: Training
    licence: Licence
    figures: MeasuredAccuracy | None = None
    evidence: tuple[Evidence, ...] = ()

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Description:
        if self.nnunet:
            _check_nnunet(self, self.nnunet)
            return self
        if "preprocessing" not in self.model_fields_set:
            msg = "preprocessing is missing"
            raise ValueError(msg)
        check_channels(self.network, self.stack, self.preprocessing, self.clicks)
        check_labels(self.network, self.labels)
        if self.closer:
            _check_closer(self, self.closer)
        return self

    @property
    def needs_liver(self) -> bool:
        """Whether it looks closer at a liver that another network has to find."""
        return self.preprocessing.needs_liver

    @property
    def of_closer(self) -> Description | None:
        """The model that the second network is by itself, without its checksum; None where there is none."""
        if self.closer is None:
            return None
        own = {name: getattr(self.closer, name) for name in ("network", "preprocessing", "stack", "training")}
        return self.model_copy(update={**own, "closer": None})

    @property
    def head(self) -> Head:
        """Meaning of the network's logits."""
        return Head(tuple(_VALUES[label] for label in self.labels[1:]), sigmoid=self.network.classes == 1)

    @property
    def structures(self) -> tuple[str, ...]:
        """Names, in :data:`LiverTumorSegLib.core.structures.STRUCTURES`, of what it finds beside liver and lesions."""
        return self.nnunet.structures if self.nnunet else ()

    @property
    def without_weights(self) -> dict[str, Any]:
        """Its fields but for ``weights``, which follow from the file: what a model's folder is written from."""
        return {name: value for name, value in self if name != "weights"}

    def with_evidence(self, table: Evidence) -> Description:
        """The same with a table more, in place of one with its title."""
        kept = tuple(each for each in self.evidence if each.title != table.title)
        return self.model_copy(update={"evidence": (*kept, table)})

    def cleaning(self, wanted: Postprocessing | None = None) -> Postprocessing:
        """Clean-up steps to run, the model's own unless others are wanted; none asks for a liver it cannot find."""
        steps = wanted or self.postprocessing
        if "liver" in self.labels:
            return steps
        without = {option.name: option.off for option in OPTIONS if option.of_liver}
        return steps.model_copy(update=without)


def _check_closer(description: Description, closer: CloserNetwork) -> None:
    if description.patches or description.clicks or "liver" not in description.labels or description.needs_liver:
        msg = "a second network looks closer where one that sees whole slices finds the liver"
        raise ValueError(msg)
    if not closer.preprocessing.needs_liver:
        msg = "the preprocessing of the second network lacks the step liver_level"
        raise ValueError(msg)
    check_channels(closer.network, closer.stack, closer.preprocessing)
    check_labels(closer.network, description.labels)
    if closer.network.classes != description.network.classes:
        msg = "both networks need as many classes, since their answers are averaged"
        raise ValueError(msg)


def _check_nnunet(description: Description, settings: NnUNet) -> None:
    own = description.stack, description.patches, description.clicks, description.preprocessing
    if own != (SliceStack(), None, None, Chain(())) or description.closer:
        msg = "an nnU-Net has no preprocessing, stack, patches, clicks or second network beside its own settings"
        raise ValueError(msg)
    if description.network.in_channels != 1 or description.network.classes != len(settings.outputs):
        given = f"{description.network.in_channels} and {description.network.classes}"
        msg = f"an nnU-Net has a channel for the CT and {len(settings.outputs)} for its outputs, not {given}"
        raise ValueError(msg)
    if description.labels != settings.labels:
        msg = f"labels are those of the outputs, {', '.join(settings.labels)}"
        raise ValueError(msg)
