import pytest
from support.training_cases import make_data

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.experiments.run_options import RunOptions
from LiverTumorSegLib.experiments.trial import run_trial
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.train import load_recipe

CHANGES = {
    "data": [{"folder": "lits", "intensities": [-40, 160]}],
    "validation": ["volume-2"],
    "preprocessing": [{"step": "window", "level": 60, "width": 200}, {"step": "resample", "spacing_mm": 5.0}],
    "network.options": {"features": [4, 4, 4, 4]},
    "clicks": {"spacing_mm": [20.0, 5.0, 5.0], "size": [16, 16, 16], "zooms": [1, 2]},
    "click_sampling.radius_mm": [10.0, 30.0],
    "schedule": {
        "steps": 4,
        "batch": 2,
        "learning_rate": 0.01,
        "average": 0.5,
        "validate_every": 2,
        "precision": "32-true",
    },
    "callbacks.checkpoint_every": 1,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("clicks"))


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("lesion-click", CHANGES)


def weights(folder):
    return (folder / model_folder.WEIGHTS).read_bytes()


def test_a_training_that_was_cancelled_goes_on_as_if_it_had_not_been(data, recipe, tmp_path):
    fit(recipe, data, tmp_path / "unbroken", command="")
    cancel = CancelToken()

    def stop(_, sentence):
        if sentence.startswith("Step 2 "):
            cancel.cancel()

    with pytest.raises(Cancelled):
        fit(recipe, data, tmp_path / "model", command="", progress=stop, cancel=cancel)
    fit(recipe, data, tmp_path / "model", command="", resume=True)
    assert weights(tmp_path / "model") == weights(tmp_path / "unbroken")
    described = model_folder.load(tmp_path / "model").description
    assert described.clicks == recipe.clicks
    assert described.labels == ("background", "lesion")


def test_a_trial_clicks_into_the_lesions_of_whom_it_holds_out(data, recipe, tmp_path):
    (found,) = run_trial(recipe, data, tmp_path / "trial", RunOptions(device="cpu"))
    assert found.name == "volume-2"
    assert found.clicks
    assert {each.scatter_mm for each in found.clicks} == {0.0, 3.0, 5.0}
    assert all(len(each.dice) == 5 for each in found.clicks)
    assert found.lesion is not None
    assert found.liver is None
    (again,) = run_trial(recipe, data, tmp_path / "trial", RunOptions(device="cpu"))
    assert again == found
