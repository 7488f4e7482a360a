import json

import pytest
import torch
from support.nnunet_folders import plans_of, write_nnunet

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.nnunet import checkpoints, conversion
from LiverTumorSegLib.models.nnunet.conversion import ImportChoices, convert, read_choices

LABELS, EDGES = {"liver": 1, "tumor": 2}, (0, 80)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Checkpoints are read here, without the seconds that another process takes to start."""
    monkeypatch.setattr(checkpoints, "_bound_memory", lambda _: None)
    monkeypatch.setattr(
        conversion, "extract_weights", lambda paths, target, _: checkpoints._extract(list(paths), target)
    )


@pytest.fixture
def converted(tmp_path):
    def make(source, **choices):
        convert(source, tmp_path / "model", ImportChoices(**choices), Job())
        return model_folder.load(tmp_path / "model")

    return make


def test_a_trained_folder_becomes_a_model_with_all_its_folds(converted, tmp_path):
    model = converted(write_nnunet(tmp_path / "Dataset900_Bands", LABELS, EDGES, folds=2))
    description, settings = model.description, model.description.nnunet
    assert description.name == "bands-3d-fullres"
    assert description.labels == ("background", "liver", "lesion")
    assert (settings.folds, settings.mirror_axes, settings.orientation) == (2, (0, 1, 2), "stored")
    assert description.licence.name == "Apache-2.0"
    levels = torch.full((1, 1, 16, 16, 16), 1.0)
    assert model.network(levels).argmax(dim=1).unique().tolist() == [2]


def test_slices_are_a_model_too(converted, tmp_path):
    source = write_nnunet(
        tmp_path / "Dataset900_Bands",
        LABELS,
        EDGES,
        axes=2,
        checkpoint={"init_args": {"configuration": "2d"}, "inference_allowed_mirroring_axes": (0, 1)},
    )
    assert converted(source).description.network.name == "plain_conv_unet_2d"


def test_the_card_says_where_it_comes_from_and_what_became_of_labels(converted, tmp_path):
    source = write_nnunet(tmp_path / "Dataset900_Bands", LABELS | {"kidney": 3}, (0, 80, 200))
    converted(source)
    card = model_folder.read_card(tmp_path / "model")
    assert "Dataset900_Bands, trained elsewhere with nnU-Net (nnUNetTrainer)" in card
    assert "| tumor | lesion |" in card
    assert "| kidney | not shown |" in card
    assert "not a medical device" in card


def test_mirroring_and_orientation_are_chosen(converted, tmp_path):
    source = write_nnunet(tmp_path / "Dataset900_Bands", LABELS, EDGES)
    settings = converted(source, mirroring=False, orientation="RAS", name="mine").description.nnunet
    assert (settings.mirror_axes, settings.orientation) == ((), "RAS")


@pytest.mark.parametrize(
    ("dataset", "labels", "found"),
    [
        ("Dataset591_ct_liver_lesions_842subj", {"a": 1}, ("background", "lesion")),
        (
            "Dataset297_TotalSegmentator_total_3mm_1559subj",
            {"spleen": 1, "liver": 2},
            ("background", "spleen", "liver"),
        ),
    ],
)
def test_totalsegmentators_folders_bring_its_steps_and_licence(converted, tmp_path, dataset, labels, found):
    source = write_nnunet(tmp_path / dataset, labels, range(0, 80 * len(labels), 80), dataset={"licence": ""})
    description = converted(source).description
    settings = description.nnunet
    assert settings.outputs == found
    assert (settings.mirror_axes, settings.orientation) == ((), "RAS")
    assert settings.around is not None
    assert description.licence.name == "Apache-2.0"
    assert description.name.startswith("totalsegmentator-")
    assert "10.1148/ryai.230024" in model_folder.read_card(tmp_path / "model")


def test_a_data_set_that_may_be_totalsegmentators_is_asked_about(converted, tmp_path):
    source = write_nnunet(tmp_path / "Dataset008_HepaticVessel", {"vessel": 1, "tumour": 2}, EDGES)
    with pytest.raises(UserError, match="say --totalsegmentator or --no-totalsegmentator"):
        converted(source)
    assert converted(source, totalsegmentator=False).description.nnunet.around is None


def test_another_data_set_is_not_totalsegmentators(converted, tmp_path):
    with pytest.raises(UserError, match="leave --totalsegmentator out"):
        converted(write_nnunet(tmp_path / "Dataset900_Bands", LABELS, EDGES), totalsegmentator=True)


def test_the_configuration_is_the_one_that_the_checkpoint_names(converted, tmp_path):
    source = write_nnunet(
        tmp_path / "Dataset900_Bands", LABELS, EDGES, checkpoint={"init_args": {"configuration": "3d_cascade_fullres"}}
    )
    with pytest.raises(UserError, match="no configuration “3d_cascade_fullres”, but 3d_fullres"):
        converted(source)
    assert converted(source, configuration="3d_fullres").description.nnunet.configuration == "3d_fullres"


def test_weights_are_not_taken_for_those_of_another_configuration(converted, tmp_path):
    full = plans_of()["configurations"]["3d_fullres"]
    both = {"3d_fullres": full, "3d_lowres": full | {"spacing": [5.0] * 3}}
    source = write_nnunet(tmp_path / "Dataset900_Bands", LABELS, EDGES, plans={"configurations": both})
    with pytest.raises(
        UserError, match="are of the configuration 3d_fullres, not of 3d_lowres: give that one's folder"
    ):
        converted(source, configuration="3d_lowres")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": {"licence": ""}}, "say it by --licence NAME"),
        ({"dataset": {"channel_names": {"0": "CT", "1": "PET"}}}, r"of 2 channels \(CT, PET\)"),
        ({"dataset": {"labels": {"background": 0, "kidney": 1, "spine": 2}}}, "none of its labels is known"),
        ({"dataset": {"labels": {"background": 0, "liver": 1}}}, "“decoder.seg_layers.0.weight” is 3 x 2"),
        ({"checkpoint": {"inference_allowed_mirroring_axes": (0, 7)}}, "mirror_axes are some of 0, 1, 2"),
        ({"checkpoint": {"network_weights": {}}}, "is not there in the one and"),
    ],
)
def test_what_does_not_fit_or_is_not_said_is_one_sentence(converted, tmp_path, changes, words):
    source = write_nnunet(tmp_path / "Dataset900_Bands", LABELS, EDGES, **changes)
    with pytest.raises(UserError, match=words):
        converted(source)
    assert not (tmp_path / "model").exists()


def test_mri_is_refused_by_its_name(converted, tmp_path):
    source = write_nnunet(
        tmp_path / "Dataset589_ct_mri_liver_lesions_750subj",
        {"lesion": 1},
        (0,),
        dataset={"channel_names": {"0": "MRI"}},
    )
    plans = json.loads((source / "plans.json").read_text())
    plans["configurations"]["3d_fullres"]["normalization_schemes"] = ["ZScoreNormalization"]
    (source / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(UserError, match="it is for “MRI”, not for CT"):
        converted(source)


def test_typed_choices_are_read_and_wrong_ones_named():
    chosen = read_choices(folds="0, 2", labels=["lesion=tumour", "none=cyst"], licence="MIT")
    assert chosen.folds == ("0", "2")
    assert chosen.labels == {"tumour": "lesion", "cyst": ""}
    for wrong in ({"folds": "one"}, {"labels": ["tumour"]}, {"labels": ["=x"]}, {"orientation": "LPS"}):
        with pytest.raises(UserError):
            read_choices(**wrong)
