import pytest
from test_model import change

from LiverTumorSegLib import model, model_store
from LiverTumorSegLib.errors import UserError


@pytest.fixture(autouse=True)
def own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))


def test_the_default_ships_and_stands_first():
    assert next(iter(model_store.available())) == model_store.DEFAULT
    assert model.load(model_store.find()).description.name == model_store.DEFAULT
    assert model.describe(model_store.find()).weights.bytes <= 20e6


def test_an_imported_model_is_found_by_its_name(model_folder):
    (model_folder / "notes.txt").write_text("not copied")
    assert model_store.import_model(model_folder) == "tiny"
    found = model_store.find("tiny")
    assert found != model_folder
    assert sorted(p.name for p in found.iterdir()) == sorted([model.CARD, model.DESCRIPTION, model.WEIGHTS])
    with pytest.raises(UserError, match="exists already"):
        model_store.import_model(model_folder)
    model_store.import_model(model_folder, overwrite=True)


def test_a_model_that_is_not_valid_is_not_imported(model_folder):
    (model_folder / model.WEIGHTS).write_bytes(b"")
    with pytest.raises(UserError):
        model_store.import_model(model_folder)
    assert "tiny" not in model_store.available()


def test_a_folder_can_be_named_and_an_unknown_name_lists_the_known(model_folder):
    assert model_store.find(str(model_folder)) == model_folder
    with pytest.raises(UserError, match=f"no model “none”.*{model_store.DEFAULT}"):
        model_store.find("none")


def test_an_imported_model_can_be_removed_and_a_shipped_one_not(model_folder):
    model_store.import_model(model_folder)
    assert not model_store.ships(model_store.find("tiny"))
    model_store.remove_model("tiny")
    assert "tiny" not in model_store.available()
    assert model_store.ships(model_store.find())
    with pytest.raises(UserError, match="ships with the program"):
        model_store.remove_model(model_store.DEFAULT)


@pytest.mark.parametrize("name", ["tiny", "../models", "", "."])
def test_a_model_that_is_not_there_cannot_be_removed(name):
    with pytest.raises(UserError, match="is not there"):
        model_store.remove_model(name)


@pytest.mark.parametrize("name", ["CON", "aux.txt", "Lpt1", "tiny."])
def test_a_name_that_no_folder_can_have_everywhere_is_refused(model_folder, name):
    change(model_folder, name=name)
    with pytest.raises(UserError, match=f"No folder can be called “{name}” on every system"):
        model_store.import_model(model_folder)


def test_a_model_does_not_take_the_place_of_one_that_ships_unasked(model_folder):
    change(model_folder, name=model_store.DEFAULT)
    with pytest.raises(UserError, match="ships with the program: allow this one to take its place"):
        model_store.import_model(model_folder)
    assert model_store.ships(model_store.find())
    model_store.import_model(model_folder, overwrite=True)
    assert not model_store.ships(model_store.find())
