"""Buttons of clicks into lesions, and the list of those that were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ..aria import aria


def add_mode(mode: str, words: str, disabled: str) -> None:
    """A button that stays pressed while the views are clicked into.

    Args:
        mode: value of the state ``click_mode`` meanwhile.
        words: on the button.
        disabled: expression of when it is.
    """
    pressed = f"click_mode === '{mode}'"
    v3.VBtn(
        words,
        id=f"click-{mode}",
        click=f"click_side = 'inside'; click_mode = {pressed} ? '' : '{mode}'",
        disabled=(disabled,),
        color=(f"{pressed} ? 'primary' : undefined",),
        variant=(f"{pressed} ? 'flat' : 'tonal'",),
        size="small",
        raw_attrs=aria(pressed=(pressed,)),
    )


def add_sides(when: str, sides: Mapping[str, str]) -> None:
    """Buttons that turn the next click's sign.

    Args:
        when: expression of when there are any.
        sides: words by the value of the state ``click_side``.
    """
    look = {"density": "compact", "variant": "outlined", "divided": True, "mandatory": True}
    with v3.VBtnToggle(
        v_model=("click_side",), v_if=(when,), id="click-sides", raw_attrs=aria(label="The next click is"), **look
    ):
        for side, words in sides.items():
            v3.VBtn(words, value=side, id=f"click-{side}", size="small")


def add_click_list(go: Callable[[int], None], remove: Callable[[int], None]) -> None:
    """The clicks of the state ``clicks``.

    Args:
        go: brings the views to a click, by its number.
        remove: takes a click away.
    """
    said = "`Remove click ${each.n}, ${each.inside ? 'inside' : 'outside'}`"
    with (
        html.Ul(v_if=("clicks.length",), id="clicks", classes="lts-clicks", raw_attrs=aria(label="Clicks")),
        html.Li(v_for="each in clicks", key="each.n"),
    ):
        html.Span(
            "{{ each.inside ? '+' : '−' }}",
            classes=("['lts-sign', each.inside ? 'lts-inside' : 'lts-outside']",),
            raw_attrs=aria(hidden="true"),
        )
        html.Button(
            "{{ each.n }} {{ each.inside ? 'inside' : 'outside' }}",
            click=(go, "[each.n]"),
            type="button",
            classes="lts-go",
        )
        v3.VBtn(
            icon="mdi-close",
            click=(remove, "[each.n]"),
            disabled=("segmenting",),
            size="x-small",
            variant="text",
            title=(said,),
            classes="lts-remove-click",
            raw_attrs=aria(label=(said,)),
        )
