import pytest
from support.nnunet_folders import write_nnunet

from LiverTumorSegLib.models import store
from LiverTumorSegLib.models.nnunet import checkpoints, conversion


@pytest.fixture(autouse=True)
def own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(checkpoints, "_bound_memory", lambda _: None)
    monkeypatch.setattr(
        conversion, "extract_weights", lambda paths, target, _: checkpoints._extract(list(paths), target)
    )


def test_a_folder_of_nnunet_is_imported_with_what_it_does_not_say(run, tmp_path):
    source = write_nnunet(
        tmp_path / "Dataset900_Bands", {"organ": 1, "growth": 2}, (0, 80), folds=2, dataset={"licence": None}
    )
    code, _, complained = run("models", "import", source)
    assert (code, "say what they are by --label" in complained) == (3, True)
    labels = ("--label", "liver=organ", "--label", "lesion=growth")
    code, _, complained = run("models", "import", source, *labels)
    assert (code, "--licence NAME" in complained) == (3, True)
    code, said, _ = run(
        "models", "import", source, *labels, "--licence", "MIT", "--folds", "1", "--no-mirroring", "--name", "mine"
    )
    assert code == 0
    assert "Imported “mine”, which finds liver, lesion: use it with --model mine." in said
    assert "Licence of its weights: MIT." in said
    settings = store.load_model("mine").description.nnunet
    assert (settings.folds, settings.mirror_axes) == (1, ())


def test_other_structures_alone_are_for_also(run, tmp_path):
    source = write_nnunet(tmp_path / "Dataset900_Bands", {"vessel": 1}, (0,))
    code, said, _ = run("models", "import", source)
    assert (code, "use it with --also bands-3d-fullres" in said) == (0, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--folds", "first"), "“first” is not a fold"),
        (("--label", "tumour"), "“tumour” does not say what a label is"),
        (("--orientation", "up"), "There is no orientation “up”"),
        (("--name", "a/b"), "A model cannot be called “a/b”"),
        (("--checkpoint", "best.pth"), "has no best.pth"),
    ],
)
def test_wrong_words_are_a_sentence(run, tmp_path, words, sentence):
    source = write_nnunet(tmp_path / "Dataset900_Bands", {"liver": 1}, (0,))
    code, _, complained = run("models", "import", source, *words)
    assert (code, sentence in complained) == (3, True)
    assert "bands-3d-fullres" not in store.available_models()
