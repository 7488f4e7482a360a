"""Models that take part beside the chosen one: the one whose liver its lesions are looked for in, and others."""

from __future__ import annotations

from ...core.about import AUTO_LIVER, DEFAULT_MODEL, NO_LIVER
from .panel import Panel, PanelSettings
from .texts import _


def liver_choices(panel: Panel, main: str) -> dict[str, str]:
    """What can be chosen for the liver, and its title; what is chosen by itself comes first.

    Args:
        panel: knows the models.
        main: name of the chosen model.
    """
    livers = {model["name"]: model["title"] for model in panel.liver_models(main)}
    if not _marks_lesions_alone(panel, main):
        return {AUTO_LIVER: _("The model's own"), **livers}
    preset = {AUTO_LIVER: livers.pop(DEFAULT_MODEL)} if DEFAULT_MODEL in livers else {}
    return {**preset, **livers, NO_LIVER: _("None")}


def partners(panel: Panel, settings: PanelSettings) -> tuple[str, ...]:
    """Names of the models that take part beside the main one."""
    liver = settings.liver_model
    if liver == AUTO_LIVER:
        liver = DEFAULT_MODEL if _marks_lesions_alone(panel, settings.model) else NO_LIVER
    return settings.also if liver == NO_LIVER else (*settings.also, liver)


def _marks_lesions_alone(panel: Panel, name: str) -> bool:
    labels = next((model.get("labels", ()) for model in panel.models if model["name"] == name), ())
    return "lesion" in labels and "liver" not in labels
