import importlib
import sys

import pytest
from support.added_option import ADDED, WITH_ADDED
from support.web_session import built, choose, session, web_page  # noqa: F401

from LiverTumorSegLib.postprocessing import options

GOOD = {
    "name": "unet",
    "title": "A U-Net",
    "segments": "the liver",
    "patients": 3,
    "data": "lits",
    "accuracy": "Mean Dice: <b>0.9</b>",
    "licence": "MIT",
    "terms": "<script>alert(1)</script>",
    "bytes": 2e6,
    "definition": "Dice of each patient.",
    "postprocessing": {"largest_liver": False, "smallest_lesion_ml": 0.25},
}
BROKEN = {"name": "broken", "title": "broken", "error": "“broken” has no <weights>: import it again."}


@pytest.fixture
def models(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.models import SettingsSection

    session.choices.model = "unet"
    return built(SettingsSection, session)


def listed(session, *found):  # noqa: F811
    session.panel.models = list(found)
    session.tell()


def test_the_page_waits_for_the_models(session, models):  # noqa: F811
    assert session.state.brief == "Looking for models…"
    assert session.state.card == ""


def test_the_accuracy_stands_alone_and_the_card_behind_it(session, models):  # noqa: F811
    listed(session, GOOD, BROKEN)
    assert session.state.brief == "Mean Dice: &lt;b&gt;0.9&lt;/b&gt;"
    assert "3 patients of lits" in session.state.card
    assert session.state.definition == "Dice of each patient."
    assert [item["value"] for item in session.state.models] == ["unet", "broken"]


def test_models_for_clicks_are_not_offered(session, models):  # noqa: F811
    listed(session, GOOD, GOOD | {"name": "clicks", "clicks": True})
    assert [item["value"] for item in session.state.models] == ["unet"]
    choose(session, model="clicks")
    assert session.choices.model == "unet"


def test_nothing_of_a_model_is_markup(session, models):  # noqa: F811
    listed(session, GOOD)
    assert "<script>" not in session.state.card
    choose(session, model="broken")
    listed(session, GOOD, BROKEN)
    assert "<weights>" not in session.state.brief


def test_an_accuracy_that_is_not_known_is_said(session, models):  # noqa: F811
    listed(session, GOOD | {"accuracy": ""})
    assert session.state.brief == "Its accuracy was not measured."


def test_a_model_that_cannot_be_used_says_why_at_once(session, models):  # noqa: F811
    listed(session, GOOD, BROKEN)
    choose(session, model="broken")
    assert "has no &lt;weights&gt;: import it again." in session.state.brief
    assert session.state.card == ""


def test_a_model_that_is_gone_is_said(session, models):  # noqa: F811
    listed(session, BROKEN)
    assert "“unet” is not there" in session.state.brief


def test_a_model_brings_its_clean_up_steps_and_the_user_may_change_them(session, models):  # noqa: F811
    listed(session, GOOD)
    assert session.state.largest_liver is False
    assert session.choices.settings.postprocessing["smallest_lesion_ml"] == 0.25
    choose(session, largest_liver=True, smallest_lesion_ml=1)
    assert session.choices.settings.postprocessing["largest_liver"] is True
    assert session.choices.settings.postprocessing["smallest_lesion_ml"] == 1


@pytest.mark.parametrize(
    ("name", "given", "counts", "shown"),
    [
        ("smallest_lesion_ml", "", 0, ""),
        ("smallest_lesion_ml", -3, 0, 0),
        ("sensitivity", -1, 0, 0),
        ("smallest_liver_ml", 7, 7, 7),
    ],
)
def test_a_limit_that_may_not_be_counts_and_is_shown_as_the_nearest(session, models, name, given, counts, shown):  # noqa: F811
    listed(session, GOOD)
    choose(session, **{name: given})
    assert session.choices.settings.postprocessing[name] == counts
    assert session.state[name] == shown


def test_a_device_is_chosen(session, models):  # noqa: F811
    session.panel.devices = [{"name": "cpu", "title": "CPU", "free_bytes": None}]
    session.tell()
    assert [item["title"] for item in session.state.devices] == ["Automatic: CPU", "CPU"]
    choose(session, device="cpu")
    assert session.choices.settings.device == "cpu"


def test_a_precision_is_chosen_among_those_there_are(session, models):  # noqa: F811
    assert [item["value"] for item in session.state.precisions] == ["auto", "float32", "bfloat16", "float16"]
    choose(session, precision="float32")
    assert session.choices.settings.precision == "float32"
    choose(session, precision="int8")
    assert session.choices.settings.precision == "float32"


def test_a_model_that_is_not_listed_cannot_be_chosen(session, models):  # noqa: F811
    listed(session, GOOD)
    choose(session, model="/etc")
    assert session.choices.model == "unet"


@pytest.mark.parametrize("device", ["x" * 100, ["cpu"], {"name": "cpu"}, 7, None])
def test_a_device_that_is_not_listed_cannot_be_chosen(session, models, device):  # noqa: F811
    listed(session, GOOD)
    choose(session, device=device)
    assert session.choices.device == "auto"


def test_what_a_browser_sends_for_a_switch_or_a_limit_can_be_told_to_the_worker(session, models):  # noqa: F811
    from dataclasses import asdict

    from LiverTumorSegLib.apps.worker.protocol import encode

    listed(session, GOOD)
    choose(session, coarse_pass=[float("nan")], smallest_lesion_ml=float("inf"), sensitivity=float("nan"))
    settings = session.choices.settings
    assert encode(asdict(settings))
    assert settings.coarse_pass is True
    assert settings.postprocessing["sensitivity"] == 0


def test_an_option_added_to_the_table_is_on_the_page(session, monkeypatch):  # noqa: F811
    module = "LiverTumorSegLib.apps.web.session.sections.models"
    monkeypatch.setattr(options, "OPTIONS", WITH_ADDED)
    monkeypatch.delitem(sys.modules, module, raising=False)
    built(importlib.import_module(module).SettingsSection, session)
    assert any("Flattest lesion (mm)" in str(value) for value in session.state.to_dict().values())
    assert session.state[ADDED.name] == 1.5
    session.choices.model = "unet"
    listed(session, GOOD | {"postprocessing": GOOD["postprocessing"] | {ADDED.name: 2.0}})
    assert session.state[ADDED.name] == 2
    choose(session, **{ADDED.name: 80})
    assert session.choices.settings.postprocessing[ADDED.name] == session.state[ADDED.name] == 50


JOINT = GOOD | {"labels": ["background", "liver", "lesion"], "structures": []}
LIVERS = JOINT | {"name": "livers", "title": "Livers", "labels": ["background", "liver"]}
VESSELS = GOOD | {"name": "vessels", "title": "Vessels", "labels": ["background"], "structures": ["liver_vessels"]}
VEINS = VESSELS | {"name": "veins", "title": "Veins"}


def known(session, *found):  # noqa: F811
    session.panel.models_known = True
    listed(session, *found)


def test_models_of_the_liver_and_of_other_structures_stand_among_the_options(session, models):  # noqa: F811
    known(session, JOINT, LIVERS, VESSELS, VEINS)
    assert [item["value"] for item in session.state.models] == ["unet", "livers"]
    assert [item["value"] for item in session.state.liver_models] == ["auto", "livers"]
    assert [item["value"] for item in session.state.other_models] == ["vessels", "veins"]
    choose(session, liver_model="livers", also=["veins", "vessels"])
    assert session.choices.settings.liver_model == "livers"
    assert session.choices.settings.also == ("vessels", "veins")


def test_of_them_too_only_what_is_listed_can_be_chosen(session, models):  # noqa: F811
    known(session, JOINT, LIVERS, VESSELS)
    choose(session, liver_model="/etc", also=["/etc", "vessels"])
    assert (session.choices.liver_model, session.choices.also) == ("auto", ("vessels",))
    choose(session, also=None)
    assert session.choices.also == ()


def test_the_liver_model_that_becomes_the_model_is_no_liver_model_any_more(session, models):  # noqa: F811
    known(session, JOINT, LIVERS, VESSELS)
    choose(session, liver_model="livers")
    choose(session, model="livers")
    assert session.choices.liver_model == "auto"


def test_a_model_of_lesions_alone_gets_the_standard_models_liver_unless_none_is_wanted(session, models):  # noqa: F811
    standard, lesions = JOINT | {"name": "unet-lits", "title": "Standard"}, GOOD | {"labels": ["background", "lesion"]}
    known(session, lesions, standard, LIVERS)
    choose(session, model=lesions["name"])
    assert [(item["value"], item["title"]) for item in session.state.liver_models] == [
        ("auto", "Standard"), ("livers", "Livers"), ("none", "None"),
    ]  # fmt: skip
    assert session.state.liver_model == "auto"
    choose(session, liver_model="none")
    assert session.choices.settings.liver_model == "none"
