"""Which models segment a CT together, and what each of them may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Union

from ..core.about import AUTO_LIVER, DEFAULT_MODEL, NO_LIVER
from ..core.errors import UserError
from ..models.description import Description
from ..models.model_folder import Model
from ..models.store import load_model

AnyModel = Union[str, "PathLike[str]", Model]
"""Its name, its folder, or the model itself."""


@dataclass(frozen=True)
class ModelSet:
    """The models that take part.

    Args:
        model: the main one, which marks lesions, the liver, or both.
        liver: marks the liver in place of the main one; what it takes for lesions counts as liver.
        also: mark what is neither, see :data:`LiverTumorSegLib.core.structures.STRUCTURES`.

    Raises:
        UserError: one cannot be what it is given as, or is given twice.
    """

    model: Model
    liver: Model | None = None
    also: tuple[Model, ...] = ()

    def __post_init__(self) -> None:
        main = self.model.description
        for description in self.descriptions:
            _refuse_clicks(description)
        _refuse_unfit_main(main)
        if self.liver:
            _refuse_unfit_liver(self.liver.description, main)
        for number, each in enumerate(self.also):
            _refuse_unfit_other(each.description, (main, *(one.description for one in self.also[:number])))

    @property
    def descriptions(self) -> tuple[Description, ...]:
        """Of the main model, the liver's, and the others, each once."""
        every = (self.model, *([self.liver] if self.liver else []), *self.also)
        return each_once(each.description for each in every)

    @property
    def marks(self) -> tuple[str, ...]:
        """What of background, liver and lesion is marked."""
        return marks_of(self.model.description, self.liver.description if self.liver else None)

    @property
    def is_one(self) -> bool:
        """Whether there is the main model alone."""
        return self.liver is None and not self.also


def each_once(models: Iterable[Description]) -> tuple[Description, ...]:
    """Models in their order without those that are there already, by name and weights."""
    return tuple({_identity(each): each for each in models}.values())


def is_same(one: Description, other: Description) -> bool:
    """Whether two descriptions are of one model, by name and weights."""
    return _identity(one) == _identity(other)


def _identity(model: Description) -> tuple[str, str]:
    return model.name, model.weights.sha256


def load_models(model: AnyModel, liver: AnyModel | None = None, also: Sequence[AnyModel] = ()) -> ModelSet:
    """The set of these models, loaded where they are not yet.

    Args:
        model: the main one.
        liver: for the liver, :data:`.about.AUTO_LIVER`, or None or :data:`.about.NO_LIVER` for none.
        also: of other structures.

    Raises:
        UserError: one is not there, not valid, or cannot be what it is given as.
    """
    main = _loaded(model)
    wanted = liver_name(main.description.labels, liver) if isinstance(liver, str) else liver
    return ModelSet(main, _loaded(wanted) if wanted else None, tuple(_loaded(each) for each in also))


def liver_name(labels: Sequence[str], wanted: str) -> str:
    """Which model marks the liver for a main one.

    Args:
        labels: of the main one.
        wanted: a model, :data:`.about.AUTO_LIVER` or :data:`.about.NO_LIVER`.

    Returns:
        Its name or folder; empty for none.
    """
    if wanted == AUTO_LIVER:
        return DEFAULT_MODEL if "lesion" in labels and "liver" not in labels else ""
    return "" if wanted == NO_LIVER else wanted


def _loaded(model: AnyModel) -> Model:
    return model if isinstance(model, Model) else load_model(fspath(model))


def marks_of(main: Description, liver: Description | None = None) -> tuple[str, ...]:
    """What of background, liver and lesion a model marks, maybe with another that marks the liver."""
    return "background", *(name for name in ("liver", "lesion") if name in main.labels or (liver and name == "liver"))


def _refuse_clicks(each: Description) -> None:
    if each.clicks is not None:
        msg = f"The model “{each.name}” segments one lesion per click and not a whole CT: choose another model."
        raise UserError(msg)


def _refuse_unfit_main(main: Description) -> None:
    if main.needs_liver:
        msg = (
            f"The model “{main.name}” looks closer at a liver that another one finds: join the two with "
            "livertumorseg models join, and choose what comes of it."
        )
        raise UserError(msg)
    if len(main.labels) == 1:
        msg = (
            f"The model “{main.name}” finds neither liver nor lesions: choose one that does as the model, and give "
            f"this one with --also {main.name}."
        )
        raise UserError(msg)


def _refuse_unfit_liver(liver: Description, main: Description) -> None:
    if "liver" not in liver.labels:
        msg = f"The model “{liver.name}” finds no liver: give one that does with --liver-model."
        raise UserError(msg)
    if is_same(liver, main):
        msg = f"The model “{liver.name}” is the main one already: leave --liver-model out."
        raise UserError(msg)
    if "lesion" not in main.labels:
        msg = f"The model “{main.name}” marks the liver alone, which --liver-model would replace: leave that out."
        raise UserError(msg)


def _refuse_unfit_other(each: Description, before: tuple[Description, ...]) -> None:
    if any(is_same(each, other) for other in before):
        msg = f"The model “{each.name}” is given twice: leave one --also out."
        raise UserError(msg)
    if not each.structures:
        msg = (
            f"The model “{each.name}” finds nothing but liver and lesions: --also takes models of other structures, "
            "such as vessels."
        )
        raise UserError(msg)
