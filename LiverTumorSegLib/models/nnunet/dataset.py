"""nnU-Net's ``dataset.json``: which channel of the logits is the liver, a lesion, or another structure known here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ...core.errors import UserError
from ...core.structures import LIVER_SEGMENTS, STRUCTURES

_LESIONS = r"lesions?|tumou?rs?|cancers?|carcinomas?|metasta(s[ei]s|tic)|hcc|icc|mass(es)?|malignanc(y|ies)"
_PATTERNS = {
    "liver": r"(whole |normal |healthy )?liver( parenchyma| tissue)?|hepar",
    "lesion": rf"((liver|hepatic|focal) )*({_LESIONS})( of (the )?liver)?",
    "liver_vessels": r"((liver|hepatic) )?(blood )?vessels?|(liver|hepatic) vasculature",
    "hepatic_veins": r"(hepatic|liver) veins?",
    "portal_vein": r"portal veins?( and splenic vein)?",
    "gallbladder": r"gall ?bladder",
    "spleen": r"spleen",
}
_SEGMENT = re.compile(r"(liver |hepatic |couinaud )*(segment|couinaud) ?(?P<number>[1-8]|i{1,3}|iv|vi{0,3})")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8}
_KNOWN = ("liver", "lesion", *STRUCTURES)


@dataclass(frozen=True)
class Outputs:
    """What the channels of the logits are.

    Args:
        names: in the words of this program, as :class:`.settings.NnUNet` has them; empty where it has none.
        own: as the data set calls them.
        regions: they may overlap, and there is no background.
        order: with regions, channels from the first written to the last.
    """

    names: tuple[str, ...]
    own: tuple[str, ...]
    regions: bool = False
    order: tuple[int, ...] = ()


def read_outputs(content: object, chosen: Mapping[str, str], where: str, *, or_none: bool = False) -> Outputs:
    """What the channels are, by the names of ``dataset.json``.

    Args:
        content: of the file.
        chosen: what is known here, by the data set's own names for it, where these do not tell, or tell wrong; nothing
            for what is not to be shown.
        where: the file, for errors.
        or_none: whether it may be that none is known.

    Raises:
        UserError: the labels are not valid, none is known, or a chosen one is not there.
    """
    labels, is_region = _read_labels(content, where)
    if unknown := sorted(chosen.keys() - labels.keys()):
        _refuse(where, f"there is no label “{unknown[0]}” in it, but {', '.join(labels)}")
    if wrong := sorted({name for name in chosen.values() if name} - set(_KNOWN)):
        _refuse(where, f"labels are taken as {', '.join(_KNOWN)}, and not as {wrong[0]}")
    named = {own: chosen.get(own, _recognise(own)) for own in labels}
    if not (or_none or any(named.values())):
        ways = "--label liver=NAME or --label lesion=NAME"
        _refuse(
            where, f"none of its labels is known here ({', '.join(list(labels)[:12])}): say what they are by {ways}"
        )
    if not is_region:
        ordered = sorted(labels, key=lambda own: labels[own])
        if [labels[own] for own in ordered] != list(range(1, len(ordered) + 1)):
            _refuse(where, "its labels are not numbered 1, 2, 3 and so on")
        return Outputs(("background", *(named[own] for own in ordered)), ("background", *ordered))
    return Outputs(tuple(named.values()), tuple(labels), regions=True, order=tuple(range(len(labels))))


def describe_channel(content: object, where: str) -> str:
    """Name of the one channel that a network of this data set sees.

    Raises:
        UserError: it sees none, or several.
    """
    entries: dict[str, Any] = content if isinstance(content, dict) else {}
    channels = entries.get("channel_names", entries.get("modality"))
    if not isinstance(channels, dict) or not channels:
        _refuse(where, "it names no channels (channel_names)")
    if len(channels) != 1:
        _refuse(where, f"it is of {len(channels)} channels ({', '.join(map(str, channels.values()))}), and a CT is one")
    return str(next(iter(channels.values())))


def is_ct(channel: str) -> bool:
    """Whether a channel's name is that of CT."""
    return "ct" in re.split(r"[^a-z]+", channel.lower())


def _read_labels(content: object, where: str) -> tuple[dict[str, Any], bool]:
    """Labels but for background and what was ignored, by their names; whether they are regions."""
    labels = content.get("labels") if isinstance(content, dict) else None
    if not isinstance(labels, dict) or not labels:
        _refuse(where, "it names no labels")
    wanted = {str(name): value for name, value in labels.items() if str(name) not in ("background", "ignore")}
    for name, value in wanted.items():
        if not all(_is_label(each) for each in (value if isinstance(value, list) else [value])):
            _refuse(where, f"its label “{name}” is {str(value)[:40]!r}, and no number")
    if not wanted or len(wanted) > _MOST:
        _refuse(where, f"it has {len(wanted)} labels")
    is_region = any(isinstance(value, list) and len(value) > 1 for value in wanted.values())
    if not is_region:
        return {name: value[0] if isinstance(value, list) else value for name, value in wanted.items()}, False
    order = content.get("regions_class_order") if isinstance(content, dict) else None
    if not isinstance(order, list) or len(order) != len(wanted):
        _refuse(where, "it has regions, and regions_class_order does not say in which order they are written")
    return wanted, True


_MOST = 254


def _is_label(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST


def _recognise(own: str) -> str:
    """What a data set's label is here, or nothing."""
    words = re.sub(r"[^a-z0-9]+", " ", own.lower()).strip()
    if found := _SEGMENT.fullmatch(words):
        number = found["number"]
        return LIVER_SEGMENTS[(int(number) if number.isdecimal() else _ROMAN[number]) - 1]
    return next((name for name, pattern in _PATTERNS.items() if re.fullmatch(pattern, words)), "")


def _refuse(where: str, why: str) -> NoReturn:
    msg = f"{where} describes a model that cannot be used here: {why}."
    raise UserError(msg)
