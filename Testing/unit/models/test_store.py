import pytest
from support.models import change_description

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models import model_folder as model
from LiverTumorSegLib.models import store


@pytest.fixture(autouse=True)
def own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))


def test_the_default_ships_and_stands_first():
    assert next(iter(store.available_models())) == store.DEFAULT
    assert model.load(store.find_model()).description.name == store.DEFAULT
    assert model.read_description(store.find_model()).weights.bytes <= 20e6


def test_an_imported_model_is_found_by_its_name(model_folder):
    (model_folder / "notes.txt").write_text("not copied")
    assert store.import_model(model_folder) == "tiny"
    found = store.find_model("tiny")
    assert found != model_folder
    assert sorted(p.name for p in found.iterdir()) == sorted([model.CARD, model.DESCRIPTION, model.WEIGHTS])
    with pytest.raises(UserError, match="exists already"):
        store.import_model(model_folder)
    store.import_model(model_folder, overwrite=True)


def test_a_model_that_is_not_valid_is_not_imported(model_folder):
    (model_folder / model.WEIGHTS).write_bytes(b"")
    with pytest.raises(UserError):
        store.import_model(model_folder)
    assert "tiny" not in store.available_models()


def test_a_folder_can_be_named_and_an_unknown_name_lists_the_known(model_folder):
    assert store.find_model(str(model_folder)) == model_folder
    with pytest.raises(UserError, match=f"no model “none”.*{store.DEFAULT}"):
        store.find_model("none")


def test_an_imported_model_can_be_removed_and_a_shipped_one_not(model_folder):
    store.import_model(model_folder)
    assert not store.is_shipped(store.find_model("tiny"))
    store.remove_model("tiny")
    assert "tiny" not in store.available_models()
    assert store.is_shipped(store.find_model())
    with pytest.raises(UserError, match="ships with the program"):
        store.remove_model(store.DEFAULT)


@pytest.mark.parametrize("name", ["tiny", "../models", "", "."])
def test_a_model_that_is_not_there_cannot_be_removed(name):
    with pytest.raises(UserError, match="is not there"):
        store.remove_model(name)


@pytest.mark.parametrize("name", ["CON", "aux.txt", "Lpt1", "tiny."])
def test_a_name_that_no_folder_can_have_everywhere_is_refused(model_folder, name):
    change_description(model_folder, name=name)
    with pytest.raises(UserError, match=f"“{name}” cannot be the name of a folder on every system"):
        store.import_model(model_folder)


def test_a_model_does_not_take_the_place_of_one_that_ships_unasked(model_folder):
    change_description(model_folder, name=store.DEFAULT)
    with pytest.raises(UserError, match="ships with the program: allow this one to take its place"):
        store.import_model(model_folder)
    assert store.is_shipped(store.find_model())
    store.import_model(model_folder, overwrite=True)
    assert not store.is_shipped(store.find_model())
