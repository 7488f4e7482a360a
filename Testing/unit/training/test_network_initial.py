import json

import pytest
from support.training_cases import make_data, recipe_with

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models.model_folder import load, read_description

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.network import build_network


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Data, and a model trained on two of its three patients."""
    root = make_data(tmp_path_factory.mktemp("initial"))
    fit(recipe_with(root), root, root / "first", command="")
    return root


def starting(place, *changes):
    return recipe_with(place, f"initial={place / 'first'}", *changes)


def test_training_starts_from_the_weights_of_the_model_and_says_so(place):
    said = []
    built = build_network(starting(place), said.append).state_dict()
    wanted = load(place / "first").network.state_dict()
    assert all((built[key] == value).all() for key, value in wanted.items())
    assert said == ["Training starts from the weights of quick."]


def test_the_card_names_everybody_either_training_has_seen(place):
    data = "[{folder: fewer, intensities: [-40, 160], default_spacing_mm: 5}]"
    fewer = starting(place, "validation=[volume-2]", f"data={data}")
    for kind in ("images", "masks"):
        (place / "fewer" / kind).mkdir(parents=True)
        for patient in (1, 2):
            for file in (place / "lits" / kind).glob(f"volume-{patient}_*"):
                (place / "fewer" / kind / file.name).symlink_to(file)
    fit(fewer, place, place / "second", command="")
    assert read_description(place / "second").training.patients == ("volume-1", "volume-0")


def test_a_model_that_has_seen_who_is_held_out_is_refused(place):
    with pytest.raises(UserError, match="“quick” that training starts from was trained on volume-1, who would be"):
        fit(starting(place, "validation=[volume-1]"), place, place / "leak", command="")
    assert not (place / "leak").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("network.options.features=[4, 4, 8, 8, 8, 8]", "Training cannot start from the model .*first: its network"),
        ("initial=nobody", "There is no model “nobody”"),
        ("encoder_weights=imagenet", "initial and encoder_weights both say what training starts from"),
    ],
)
def test_what_cannot_be_started_from_is_said(place, change, sentence):
    with pytest.raises(UserError, match=sentence):
        build_network(starting(place, change))


@pytest.mark.parametrize("split", ["split={file: split.json}", "split={slices: 0.2}"])
def test_a_model_that_has_seen_who_is_tested_or_whose_slices_are_held_out_is_refused(place, split):
    parts = {"format": 1, "seed": 0, "train": ["volume-1"], "validation": ["volume-2"], "test": ["volume-0"]}
    (place / "split.json").write_text(json.dumps(parts))
    with pytest.raises(UserError, match="“quick” that training starts from was trained on volume-0"):
        fit(starting(place, "validation=[]", split), place, place / "leak", command="")
    assert not (place / "leak").exists()
