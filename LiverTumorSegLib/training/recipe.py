"""The YAML file that says how a model is trained, and the rules that its entries have to keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from ..core import text_files
from ..core.ct_quality import DamageTreatment
from ..core.errors import UserError
from ..core.schema import StrictModel, explain_validation_error
from ..datasets.slices import SliceSource
from ..datasets.sources import AnySource
from ..datasets.volumes import VolumeSource
from ..models.description import (
    JOINT,
    Binary,
    ClickPatches,
    Joint,
    Licence,
    ModelName,
    NetworkSpec,
    Patches,
    PatchSize,
    SliceStack,
    check_channels,
    check_labels,
)
from ..networks import has_imagenet_encoder
from ..networks.imagenet import IMAGENET_INPUT
from ..postprocessing.settings import Postprocessing
from ..preprocessing import Chain, named
from .augmentation import Augmentation, NamedAugmentation
from .clicks.options import ClickSampling
from .held_out import SliceSplit, SplitFile
from .losses import CrossEntropy, NamedLoss, PartialLabel
from .recipe_options import Callbacks, Monitor, Plateau, Sampling, Schedule


def check_network_input(recipe: Recipe) -> None:
    """Raise ``ValueError`` where a recipe does not say what its network sees, or says what does not go with it."""
    if sum(each is not None for each in (recipe.crop, recipe.patches, recipe.clicks)) > 1:
        msg = (
            "crop, patches and clicks each say what the network sees: keep crop for slices, patches for volumes, or "
            "clicks for the lesions that are clicked into"
        )
        raise ValueError(msg)
    if recipe.clicks:
        for msg in _no_use_for_clicks(recipe):
            raise ValueError(msg)
        return
    if recipe.patches:
        for msg in _no_use_for_patches(recipe):
            raise ValueError(msg)
        recipe.augmentation.check_folding(min(recipe.patches.size), axes=3)
    elif recipe.frame:
        msg = "frame is a part of volumes that patches are cut from: give patches in place of crop, or leave it out"
        raise ValueError(msg)
    elif recipe.crop:
        recipe.augmentation.check_folding(recipe.crop)
        _check_synthetic_lesions(recipe)
    else:
        msg = "crop is missing: give the rows and columns that a network for slices sees, or patches for volumes"
        raise ValueError(msg)


def _check_synthetic_lesions(recipe: Recipe) -> None:
    channels = recipe.preprocessing.channels
    if recipe.augmentation.synthetic_lesions and channels > 1:
        msg = (
            f"synthetic lesions are painted in one window, and the preprocessing makes {channels} channels of a slice: "
            "leave augmentation.synthetic_lesions out, or take a chain with one"
        )
        raise ValueError(msg)


def _no_use_for_patches(recipe: Recipe) -> Iterator[str]:
    pictures = [source.folder for source in recipe.data if isinstance(source, SliceSource)]
    if pictures:
        yield f"patches are cut from CTs, and {', '.join(pictures)} holds slice pictures: name CTs as volumes"
    if any(source.every > 1 for source in recipe.data if isinstance(source, VolumeSource)):
        yield "patches are cut from whole CTs: leave every out of the data, and set patches.spacing_mm"
    if any(isinstance(one, VolumeSource) and one.damaged is DamageTreatment.LEAVE_OUT for one in recipe.data):
        yield "patches are cut from whole CTs, from which no slice can be left out: have damaged ones interpolated"
    if recipe.stack.slices > 1:
        yield "a network for volumes sees neighbouring slices anyway: leave stack out, or take crop for slices"
    if not recipe.sampling.centred:
        yield "a patch is centred on what it was drawn for: leave sampling.centred out"
    if recipe.sampling.shuffled:
        yield "sampling.shuffled takes slices in turn, and a volume has no such patches: give shares in its place"
    if recipe.augmentation.synthetic_lesions:
        yield "synthetic lesions are painted into slices: leave augmentation.synthetic_lesions out"


def _no_use_for_clicks(recipe: Recipe) -> Iterator[str]:
    if recipe.labels[1:] != ("lesion",):
        yield "a network for clicks finds the lesion alone: set labels to background, lesion"
    if recipe.preprocessing.spacing_mm is None:
        yield "clicks are in millimetres: add the step resample to the preprocessing"
    if isinstance(recipe.split, SliceSplit):
        yield "clicks see neighbouring slices, of which none can be held out alone: name patients in validation"
    if recipe.callbacks.pictures_every:
        yield "pictures of slices need an answer without a click: leave callbacks.pictures_every out"
    if recipe.augmentation.synthetic_lesions:
        yield "lesions are painted by click_sampling.synthetic: leave augmentation.synthetic_lesions out"


_MOST_ENTRIES = 100_000
"""More than any recipe says."""


def _by_name(value: Any) -> Any:
    return named(value) if isinstance(value, str) else value


NamedPreprocessing = Annotated[Chain, BeforeValidator(_by_name)]


class Recipe(StrictModel):
    """Everything that decides how a model comes out, but for the machine.

    Args:
        name: of the model.
        title: in a line.
        segments: what it finds, in words.
        seed: of the network's first weights and of all that is drawn.
        data: folders of slice pictures, or of CTs.
        patients: who of the data is used, all where it is empty.
        validation: patients to keep for it.
        test: patients to be measured afterwards, who are not read before.
        split: file that says it, in place of ``validation``; or a share of all slices.
        preprocessing: the chain's steps, or the name of a published one.
        stack: neighbouring slices as channels.
        encoder_weights: file with weights for the network's encoder, or ``imagenet``.
        network: which, and its options; where its encoder gets weights, ``imagenet_input`` is among them, and true
            where the preprocessing gives values from 0 to 1, unless it is given.
        initial: name or folder of a model with the same network, whose weights training starts from; ``{fold}`` in it
            is the number of a cross-validation's fold.
        labels: what its classes stand for.
        loss: name of a loss, or its name and options.
        sampling: which slices are seen how often.
        augmentation: name of a set of ranges, or ranges.
        crop: rows and columns that a network for slices sees.
        patches: what a network for volumes sees, in place of ``crop``, as the model will say it.
        clicks: what a network for clicks sees, in place of ``crop``.
        click_sampling: what it is shown, and how the simulated reader clicks.
        frame: slices, rows and columns about the middle of a resampled volume that patches are cut from, with zeros
            where it has none; None for all of it. Segmentation looks at whole CTs in any case.
        schedule: optimiser and learning rate.
        callbacks: what happens beside the steps.
        postprocessing: clean-up of the model's results.
        licence: of the weights.
    """

    name: ModelName
    title: str
    segments: str
    seed: int = Field(ge=0, lt=2**32)
    data: tuple[AnySource, ...]
    patients: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    split: SplitFile | SliceSplit | None = None
    preprocessing: NamedPreprocessing
    stack: SliceStack = SliceStack()
    encoder_weights: str | None = None
    network: NetworkSpec
    initial: str | None = None
    labels: Binary | Joint = JOINT
    loss: NamedLoss = PartialLabel()
    sampling: Sampling = Sampling()
    augmentation: NamedAugmentation = Augmentation()
    crop: int | None = Field(None, gt=0, le=1024)
    patches: Patches | None = None
    clicks: ClickPatches | None = None
    click_sampling: ClickSampling = ClickSampling()
    frame: tuple[PatchSize, PatchSize, PatchSize] | None = None
    schedule: Schedule
    callbacks: Callbacks = Callbacks()
    postprocessing: Postprocessing = Postprocessing()
    licence: Licence

    @field_validator("network")
    @classmethod
    def _say_what_the_encoder_sees(cls, network: NetworkSpec, info: ValidationInfo) -> NetworkSpec:
        """State whether the encoder's input is normalised, so that a model and its network say it too."""
        weights, chain = info.data.get("encoder_weights"), info.data.get("preprocessing")
        if weights is None or chain is None or not has_imagenet_encoder(network.name):
            return network
        options = {IMAGENET_INPUT: chain.ends_in_unit} | network.options
        return network.model_copy(update={"options": options})

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Recipe:
        check_channels(self.network, self.stack, self.preprocessing, self.clicks)
        check_labels(self.network, self.labels)
        self._check_names()
        self._check_held_out()
        self._check_initial()
        self._check_loss()
        self._check_precision()
        self._check_validation()
        check_network_input(self)
        return self

    def _check_held_out(self) -> None:
        if self.validation and self.split:
            msg = "validation and split both say who is validated on: leave one of them out"
            raise ValueError(msg)
        if self.test and self.split:
            msg = "test and split both say who is measured afterwards: leave one of them out"
            raise ValueError(msg)
        both = sorted(set(self.test) & set(self.validation))
        if both:
            msg = f"test and validation both name {both[0]}: whoever is measured afterwards has no say in training"
            raise ValueError(msg)
        if isinstance(self.split, SliceSplit) and self.split.slices + self.split.validation >= 1:
            msg = "split, slices and validation together leave nothing to train on: take smaller shares"
            raise ValueError(msg)
        if self.patches and isinstance(self.split, SliceSplit):
            msg = "patches are cut from whole CTs, of which no slices can be held out: name patients in validation"
            raise ValueError(msg)
        if self.patients and isinstance(self.split, SplitFile):
            msg = "patients and the file of a split both say who is used: leave one of them out"
            raise ValueError(msg)
        if self.split is None and "validation" not in self.model_fields_set:
            msg = "validation is missing: list the patients to validate on ([] for none), or name the file of a split"
            raise ValueError(msg)

    def _check_names(self) -> None:
        for entry in ("patients", "validation", "test"):
            names = getattr(self, entry)
            if twice := sorted({name for name in names if names.count(name) > 1}):
                msg = f"{entry} names {twice[0]} twice: once is enough"
                raise ValueError(msg)

    def _check_initial(self) -> None:
        if self.initial is not None and self.encoder_weights is not None:
            msg = "initial and encoder_weights both say what training starts from: leave one of them out"
            raise ValueError(msg)

    @property
    def from_random(self) -> Recipe:
        """The recipe without the weights that it starts from."""
        return self.model_copy(update={"encoder_weights": None, "initial": None})

    def _check_precision(self) -> None:
        if self.schedule.precision == "bf16-mixed" and not self.preprocessing.fits_8_bits:
            msg = "bfloat16 rounds away what such wide windows hold: set schedule.precision to 32-true"
            raise ValueError(msg)

    @property
    def validates(self) -> bool:
        """Whether there are validations during training."""
        return bool(self.validation or self.split) and self.schedule.validate_every > 0

    @property
    def monitored(self) -> dict[str, Monitor]:
        """The measures that validations are judged by, by the entry that asks for each."""
        policy, callbacks = self.schedule.policy, self.callbacks
        asked: dict[str, Monitor] = {}
        if isinstance(policy, Plateau):
            asked["schedule.policy: plateau"] = policy.monitor
        if callbacks.save == "best":
            asked["callbacks.save: best"] = callbacks.best.monitor
        if callbacks.early_stopping:
            asked["callbacks.early_stopping"] = callbacks.early_stopping.monitor
        return asked

    def _check_validation(self) -> None:
        asking = [*self.monitored, *(["callbacks.pictures_every"] if self.callbacks.pictures_every else [])]
        if asking and not self.validates:
            mend = (
                "set schedule.validate_every above 0"
                if self.validation or self.split
                else "name patients for validation"
            )
            msg = f"{asking[0]} needs validations during training, of which there are none: {mend}, or leave it out"
            raise ValueError(msg)

    def _check_loss(self) -> None:
        self.loss.check_parts(self.schedule.batch, self.schedule.micro_batch)
        joined = [source.folder for source in self.data if not source.lesions_apart]
        if isinstance(self.loss, PartialLabel):
            if self.labels != JOINT:
                msg = f"the loss “partial_label” is for {', '.join(JOINT)}: name another one, such as dice_ce"
                raise ValueError(msg)
        elif joined and "lesion" in self.labels:
            msg = (
                f"the masks of {', '.join(joined)} join lesions to the liver, from which the loss “{self.loss.name}” "
                "cannot learn: leave those data out, or take partial_label"
            )
            raise ValueError(msg)
        if isinstance(self.loss, CrossEntropy):
            self.loss.check_weights(self.network.classes)


def load(path: Path, changes: dict[str, Any] | None = None) -> Recipe:
    """Read a recipe; ``changes`` maps dotted keys to values that replace the file's.

    Raises:
        UserError: the file is missing, is not YAML, or has an unknown or wrong entry.
    """
    try:
        content = _read(path)
        for key, value in (changes or {}).items():
            replace_entry(content, key, value)
        return Recipe.model_validate(content)
    except (OSError, UnicodeDecodeError) as error:
        msg = f"There is no recipe that can be read at {path}: give the name of one that ships, or a YAML file."
        raise UserError(msg) from error
    except ValidationError as error:
        msg = f"The recipe {path} is not valid: {explain_validation_error(error, Recipe)}"
        raise UserError(msg) from error
    except UserError as error:
        reason = str(error)
        msg = f"The recipe {path} is not valid: {reason[:1].lower()}{reason[1:]}"
        raise UserError(msg) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        msg = f"The recipe {path} is not valid YAML{line}: correct it, or start from one that ships."
        raise UserError(msg) from error


def _read(path: Path) -> Any:
    """The content of a YAML file that is as large as it looks: aliases of aliases say any amount in a few lines."""
    content = _parsed(text_files.read_text(path))
    entries, seen = [content], 0
    while entries:
        entry, seen = entries.pop(), seen + 1
        if seen > _MOST_ENTRIES:
            msg = f"It says more than {_MOST_ENTRIES:,} things, or itself again: write it out without aliases."
            raise UserError(msg)
        if isinstance(entry, dict):
            entries += entry.values()
        elif isinstance(entry, (list, set)):
            entries += entry
    return content


def _parsed(text: str) -> Any:
    """YAML without tags that make objects of Python.

    Raises:
        YAMLError: it is none; PyYAML itself has other errors for dates and numbers that cannot be.
    """
    try:
        return yaml.safe_load(text)
    except (ValueError, LookupError, AttributeError, RecursionError) as error:
        raise yaml.YAMLError(str(error)) from error


def parse_changes(changes: list[str]) -> dict[str, Any]:
    """Turn ``key=value`` words, values in YAML, into what :func:`load` takes.

    Raises:
        UserError: a word has no equals sign.
    """
    parsed = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            msg = f"“{change}” is not a change to a recipe: write key=value, such as schedule.steps=100."
            raise UserError(msg)
        try:
            parsed[key] = _parsed(value)
        except yaml.YAMLError as error:
            msg = f"“{change}” is not a change to a recipe: its value is not valid YAML."
            raise UserError(msg) from error
    return parsed


def replace_entry(content: Any, key: str, value: Any) -> None:
    """Put a value at a dotted key of a recipe as YAML has it.

    Raises:
        UserError: the key leads through something that has no entries.
    """
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {}) if isinstance(content, dict) else None
    if not isinstance(content, dict):
        msg = f"“{key}” is not an entry of a recipe that can be changed."
        raise UserError(msg)
    content[last] = value
