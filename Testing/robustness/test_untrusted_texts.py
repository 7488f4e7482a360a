"""A model's own words cannot harm a terminal."""

import json
import re

import pytest
from support.models import change_description

from LiverTumorSegLib.apps.cli import console
from LiverTumorSegLib.models import model_folder as model
from LiverTumorSegLib.models import store
from robustness.untrusted_models.folders import SCRIPT


@pytest.fixture(autouse=True)
def own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(console.out, "width", 400)


def commands(text):
    """Escape sequences but for colours and styles, and other control characters."""
    return re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", re.sub(r"\x1b\[[0-9;]*m", "", text))


def test_a_list_of_models_shows_their_words_and_obeys_none(model_folder, run):
    for number, words in enumerate((SCRIPT, "[/]", "[link=https://example.org]x[/link]")):
        change_description(model_folder, name=f"m{number}", title=words, segments=words)
        store.import_model(model_folder)
    code, out, _ = run("models", "list")
    assert code == 0
    assert not commands(out)
    for words in ("[/]", "[bold]", "\\x1b"):
        assert words in "".join(out.split())


def test_a_card_gives_no_orders_and_hides_no_address(model_folder, run):
    (model_folder / model.CARD).write_text(f"{SCRIPT}\n\n[your bank](https://example.org/evil)\n", encoding="utf-8")
    code, out, _ = run("models", "info", model_folder)
    assert code == 0
    assert not commands(out)
    assert "https://example.org/evil" in "".join(out.split())


def test_an_error_stays_one_line_whatever_a_name_holds(model_folder, run, tmp_path):
    name = "a\x1b]0;owned\x07\nerror: all is well"
    code, _, err = run("models", "info", tmp_path / name)
    assert code == 3
    assert not commands(err)
    assert err.count("\n") == 1


def test_json_holds_words_as_they_are_and_no_control_characters():
    assert not commands(json.dumps(SCRIPT))
