import pytest
import torch
from pydantic import ValidationError
from support.nnunet_models import settings_of, write_banded_model

from LiverTumorSegLib.core.structures import STRUCTURES
from LiverTumorSegLib.models import model_folder

OUTPUTS, EDGES = ("background", "lesion", "liver", ""), (0.0, 80.0, 200.0)


def test_a_model_of_nnunets_kind_is_saved_and_loaded(tmp_path):
    folder = write_banded_model(tmp_path / "bands", OUTPUTS, EDGES, folds=2)
    model = model_folder.load(folder)
    assert model.description.labels == ("background", "liver", "lesion")
    assert model.description.nnunet.values == (0, 2, 1, 0)
    assert model.network.axes == 3
    assert len(model.network.folds) == 2


@torch.inference_mode()
def test_a_banded_network_labels_by_hounsfield_units(tmp_path):
    network = model_folder.load(write_banded_model(tmp_path / "bands", OUTPUTS, EDGES, folds=2)).network
    hounsfield = torch.tensor([-500.0, -1, 1, 79, 81, 199, 201, 900]).repeat(8, 8, 1)[None, None]
    assert network(hounsfield / 100)[0].argmax(dim=0)[0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_what_a_model_finds_beside_the_liver_has_a_name_and_no_label_of_it(tmp_path):
    outputs = ("background", "liver_vessels", *(f"liver_segment_{number}" for number in range(1, 9)))
    model = model_folder.load(write_banded_model(tmp_path / "others", outputs, range(0, 90, 10)))
    assert model.description.labels == ("background",)
    assert model.description.structures == outputs[1:]
    assert model.description.nnunet.values == (0, 3, *range(11, 19))


def test_structures_have_labels_of_their_own():
    labels = [segment.label for segment in STRUCTURES.values()]
    assert len(set(labels)) == len(labels)
    assert not {0, 1, 2} & set(labels)


@pytest.mark.parametrize(
    "wrong",
    [
        {"outputs": ("background", "kidney")},
        {"outputs": ("liver", "background")},
        {"spacing_mm": (1.0, 1.0)},
        {"transpose": (0, 0, 1)},
        {"mirror_axes": (3,)},
        {"mirror_axes": (0, 0)},
        {"regions": True, "outputs": ("liver", "lesion")},
        {"regions": True, "outputs": ("liver", "lesion"), "order": (0, 2)},
        {"order": (0, 1, 2)},
    ],
)
def test_settings_that_contradict_themselves_are_refused(wrong):
    with pytest.raises(ValidationError):
        settings_of(**({"outputs": ("background", "liver", "lesion")} | wrong))


def test_regions_are_written_in_their_order():
    settings = settings_of(("liver", "lesion"), regions=True, order=(0, 1))
    assert settings.values == (1, 2)
    assert settings.labels == ("background", "liver", "lesion")
