"""Model with its card, device, and the options of segmenting."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .....core.about import AUTO_LIVER, PRECISIONS
from .....postprocessing.options import OPTIONS, CleanUpOption
from ....panel import partner_models, texts
from .base import Section, heading

_NAMES = tuple(option.name for option in OPTIONS)
_NOT_MEASURED = "Its accuracy was not measured."


class SettingsSection(Section):
    """Shows what the panel knows of models and devices; a choice goes into the session's choices."""

    def build(self) -> None:
        """Two lists, the accuracy with the card behind it, and the options in a part that opens."""
        choices = self.session.choices
        self.state.update({"models": [], "model": choices.model, "brief": "", "card": "", "definition": ""})
        self.state.update({"devices": [], "device": choices.device, "device_note": ""})
        known = [{"title": title, "value": name} for name, title in texts.precisions().items()]
        self.state.update({"precisions": known, "precision": choices.precision})
        self.state.update({"coarse_pass": choices.coarse_pass, "one_each": choices.one_each})
        self.state.update({option.name: option.kind(option.default) for option in OPTIONS})
        self.state.update({"liver_models": [], "liver_model": AUTO_LIVER, "other_models": [], "also": []})
        heading("Model")
        self._choice("model", "Model")
        html.Div(v_html=("brief",), id="accuracy", classes="lts-note")
        with html.Details(v_if=("card",), id="about", classes="lts-part"):
            html.Summary("About this model")
            html.Div(v_html=("card",), id="card", classes="lts-note")
            html.Div("{{ definition }}", v_if=("definition",), classes="lts-note mt-1")
        self._choice("device", "Device")
        html.Div("{{ device_note }}", v_if=("device_note",), id="device-note", classes="lts-note")
        self._build_options()
        self.state.change("model")(self._on_model)
        self.state.change("device", "precision", "coarse_pass", "one_each", *_NAMES)(self._on_choice)
        self.state.change("liver_model", "also")(self._on_other_models)

    def _build_options(self) -> None:
        with html.Details(id="options", classes="lts-part"):
            html.Summary("Options")
            self._check("coarse_pass", "First find the liver on coarse slices")
            self._check("one_each", "A segment for each lesion")
            self._choice("precision", "Precision")
            look: dict[str, Any] = {"density": "compact", "hide_details": True, "classes": "my-2"}
            several, known = ("liver_models.length > 1",), ("other_models.length",)
            v3.VSelect(
                v_model=("liver_model",),
                items=("liver_models",),
                label="Liver of",
                id="liver-model",
                v_if=several,
                **look,
            )
            v3.VSelect(
                v_model=("also",), items=("other_models",), label="Also", id="also", v_if=known, multiple=True, **look
            )
            for option in OPTIONS:
                if option.kind is bool:
                    self._check(option.name, option.label)
                else:
                    self._limit(option)

    @staticmethod
    def _choice(name: str, words: str) -> None:
        items = (f"{name}s",)
        v3.VSelect(v_model=(name,), items=items, label=words, id=name, density="compact", hide_details=True)

    @staticmethod
    def _check(name: str, words: str) -> None:
        v3.VCheckbox(v_model=(name,), label=words, id=_id(name), density="compact", hide_details=True)

    @staticmethod
    def _limit(option: CleanUpOption) -> None:
        look: dict[str, Any] = {"density": "compact", "hide_details": True, "classes": "my-2"}
        look |= {"min": 0, "max": option.offered, "step": "any", "label": option.label_with_unit}
        v3.VTextField(v_model_number=(option.name,), id=_id(option.name), type="number", **look)

    def show(self) -> None:
        """Lists, card and note."""
        panel, choices = self.panel, self.session.choices
        self.state.models = [{"title": each["title"], "value": each["name"]} for each in panel.segmenting_models]
        found = texts.devices(panel.devices)
        self.state.devices = [{"title": title, "value": name} for name, title in found.items()]
        self.state.device_note = texts.device_note(panel, choices.device)
        self._show_other_models()
        model = self._listed(choices.model)
        self._show_card(model)
        if model and not choices.postprocessing:
            self._take_cleaning(model)

    def _show_card(self, model: dict[str, Any] | None) -> None:
        """The accuracy in one line; of a model that cannot be used, why."""
        said = texts.card(model) if model else texts.no_card(self.panel.models, self.session.choices.model)
        usable = model is not None and "error" not in model
        self.state.card = said if usable else ""
        self.state.brief = escape(model["accuracy"] or _NOT_MEASURED) if model and usable else said
        self.state.definition = texts.card_tool_tip(model or {})

    def _show_other_models(self) -> None:
        """What can stand beside the chosen model; what cannot any more is no choice."""
        main, choices = self.session.choices.model, self.session.choices
        livers, others = partner_models.liver_choices(self.panel, main), self.panel.other_models(main)
        self.state.liver_models = [{"title": title, "value": name} for name, title in livers.items()]
        self.state.other_models = [{"title": model["title"], "value": model["name"]} for model in others]
        if self.panel.models_known:
            self._take_other_models(choices.liver_model, choices.also)

    def _on_other_models(self, **_: Any) -> None:
        self._take_other_models(self.state.liver_model, self.state.also)

    def _take_other_models(self, liver: str | None, also: Sequence[str] | None) -> None:
        """Only what is listed, as of models; others in the order of the list."""
        choices = self.session.choices
        livers = [item["value"] for item in self.state.liver_models]
        choices.liver_model = liver if liver and liver in livers else next(iter(livers), AUTO_LIVER)
        choices.also = tuple(item["value"] for item in self.state.other_models if item["value"] in (also or ()))
        self.state.liver_model, self.state.also = choices.liver_model, list(choices.also)

    def _listed(self, name: str) -> dict[str, Any] | None:
        return next((each for each in self.panel.segmenting_models if each["name"] == name), None)

    def _on_model(self, model: str, **_: Any) -> None:
        """Only what is listed: a browser could name any folder of this machine."""
        if found := self._listed(model):
            self.session.choices.model = model
            self._take_cleaning(found)
        self.show()

    def _take_cleaning(self, model: dict[str, Any]) -> None:
        """Every model was measured with clean-up steps of its own."""
        cleaning = model.get("postprocessing", {})
        self.state.update({name: cleaning[name] for name in _NAMES if name in cleaning})
        self.session.choices.postprocessing = dict(cleaning)

    def _on_choice(self, **_: Any) -> None:
        choices, state = self.session.choices, self.state
        if state.device in list(texts.devices(self.panel.devices)):  # as of models, only what is listed
            choices.device = state.device
        if state.precision in PRECISIONS:
            choices.precision = state.precision
        choices.coarse_pass, choices.one_each = bool(state.coarse_pass), bool(state.one_each)
        if choices.postprocessing:
            choices.postprocessing |= {option.name: self._allowed(option) for option in OPTIONS}
        self.state.device_note = texts.device_note(self.panel, choices.device)

    def _allowed(self, option: CleanUpOption) -> bool | float:
        """The number that counts; one that is not allowed, or an empty field, is changed in its field, too."""
        given = self.state[option.name] or 0
        if option.kind is bool:
            return bool(given)
        limit = min(max(0.0, float(given)), option.offered)
        if given != limit:
            self.state[option.name] = limit
        return limit


def _id(name: str) -> str:
    return name.replace("_", "-")
