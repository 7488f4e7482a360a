"""Settings of the clean-up as models, recipes and users give them: a pydantic model of the table of options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model, model_validator

from ..core.schema import StrictModel
from .options import OPTIONS, RETIRED, CleanUpOption


def _field(option: CleanUpOption) -> tuple[type[bool | float], Any]:
    if option.kind is bool:
        return bool, option.default
    return float, Field(option.default, ge=0, allow_inf_nan=False)


class _WithoutRetired(StrictModel):
    @model_validator(mode="before")
    @classmethod
    def _pass_over(cls, values: Any) -> Any:
        return {name: values[name] for name in values if name not in RETIRED} if isinstance(values, dict) else values


if TYPE_CHECKING:
    _default: Any = None

    class Postprocessing(StrictModel):
        """Names and types of the table's options for type checkers; a test holds them to the table."""

        largest_liver: bool = _default
        lesions_in_liver: bool = _default
        fill_holes: bool = _default
        smallest_lesion_ml: float = _default
        smallest_liver_ml: float = _default
        sensitivity: float = _default

else:
    Postprocessing = create_model(
        "Postprocessing",
        __base__=_WithoutRetired,
        __module__=__name__,
        __doc__="Which clean-up steps run on the labels, and with which limits: a field for each option of the table.",
        **{option.name: _field(option) for option in OPTIONS},
    )


_CHOOSING = "sensitivity"
"""The one option that changes no labels: it chooses among lesions that a model has scores for."""

NO_CLEAN_UP = Postprocessing.model_validate({each.name: each.off for each in OPTIONS if each.name != _CHOOSING})
"""Labels as the network gives them."""
