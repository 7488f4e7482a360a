import zipfile

import pytest
from support.nnunet_folders import write_nnunet

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models import importing, model_folder, store
from LiverTumorSegLib.models.importing import import_any
from LiverTumorSegLib.models.nnunet import checkpoints, conversion
from LiverTumorSegLib.models.nnunet.conversion import ImportChoices

LABELS, EDGES = {"liver": 1, "tumor": 2}, (0, 80)


@pytest.fixture(autouse=True)
def own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(checkpoints, "_bound_memory", lambda _: None)
    monkeypatch.setattr(
        conversion, "extract_weights", lambda paths, target, _: checkpoints._extract(list(paths), target)
    )


@pytest.fixture
def trained(tmp_path):
    return write_nnunet(tmp_path / "Dataset900_Bands", LABELS, EDGES)


@pytest.fixture
def zipped(tmp_path):
    def write(folder, name="Dataset900_Bands.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as entries:
            for path in sorted(folder.rglob("*")):
                entries.write(path, path.relative_to(folder.parent))
        return tmp_path / name

    return write


def leftovers():
    return [path.name for path in store.imported_models().iterdir() if path.name.startswith(".")]


def test_a_folder_of_this_program_is_imported_as_before(model_folder):
    assert import_any(model_folder) == "tiny"
    with pytest.raises(UserError, match="leave out the options for nnU-Net"):
        import_any(model_folder, ImportChoices(licence="MIT"))


def test_a_folder_of_nnunet_is_imported_and_found_by_its_name(trained):
    assert import_any(trained.parent) == "bands-3d-fullres"
    assert store.load_model("bands-3d-fullres").description.nnunet.folds == 1
    assert leftovers() == []


@pytest.mark.parametrize("top", ["the data set", "the training"])
def test_a_zip_file_of_nnunet_is_imported(trained, zipped, top):
    archive = zipped(trained.parent if top == "the data set" else trained)
    assert import_any(archive) == "bands-3d-fullres"
    assert leftovers() == []


def test_a_zip_file_of_this_program_is_imported(model_folder, zipped):
    assert import_any(zipped(model_folder)) == "tiny"


def test_the_same_model_twice_is_refused_unless_it_may_be_replaced(trained):
    import_any(trained)
    with pytest.raises(UserError, match="exists already"):
        import_any(trained)
    assert import_any(trained, overwrite=True) == "bands-3d-fullres"
    assert import_any(trained, ImportChoices(name="second")) == "second"


def test_a_zip_file_that_climbs_out_is_refused(trained, tmp_path, zipped):
    archive = zipped(trained.parent)
    with zipfile.ZipFile(archive, "a") as entries:
        entries.writestr("../../outside.txt", "x")
    with pytest.raises(UserError, match="outside its folder: zip the model's folder again"):
        import_any(archive)
    assert not (tmp_path / "outside.txt").exists()
    assert leftovers() == []


@pytest.mark.parametrize("name", ["con", "../up", "a" * 70, ""])
def test_a_name_that_no_folder_can_have_is_refused(trained, name):
    if not name:
        assert import_any(trained, ImportChoices(name=name)) == "bands-3d-fullres"
        return
    with pytest.raises(UserError):
        import_any(trained, ImportChoices(name=name))
    assert leftovers() == []


def test_what_is_no_model_is_refused_and_nothing_stays(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    for wrong in ("empty", "text.zip", "missing"):
        with pytest.raises(UserError):
            import_any(tmp_path / wrong)
    assert not store.imported_models().exists() or leftovers() == []


def test_a_full_disk_leaves_nothing(trained, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left on device.*free some space"):
        import_any(trained)
    assert leftovers() == []
    assert "bands-3d-fullres" not in store.available_models()


def test_files_of_a_killed_import_go_with_the_next(trained):
    (store.imported_models() / ".livertumorseg-left").mkdir(parents=True)
    import_any(trained)
    assert sorted(path.name for path in (store.find_model("bands-3d-fullres")).iterdir()) == sorted(model_folder.FILES)


@pytest.mark.parametrize(
    "source", ["C:\\Users\\me\\Dataset591.zip", "/home/me/Dataset591.zip", "https://example.org/a/Dataset591.zip"]
)
def test_an_archive_is_unpacked_under_its_name_alone_on_any_system(source):
    assert importing._folder_name(source) == "Dataset591"
    assert importing._folder_name("https://example.org/..") == "model"
