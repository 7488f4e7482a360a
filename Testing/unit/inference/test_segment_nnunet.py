"""Models that come from nnU-Net, where every other model goes."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from support.models import KEEP_ALL
from support.nnunet_models import write_banded_model
from support.volumes import reordered

from LiverTumorSegLib.core.device import cpu_placement
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import FULL_PROBABILITY
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.predictor import Predictor
from LiverTumorSegLib.inference.preview import preprocess_volume
from LiverTumorSegLib.inference.region import REGION_WARNING, segment_region
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.nnunet.settings import Normalisation
from LiverTumorSegLib.networks import create_with_options
from LiverTumorSegLib.postprocessing.settings import Postprocessing

OUTPUTS, EDGES = ("background", "lesion", "liver", "spleen"), (0.0, 80.0, 200.0)
EXACT = SegmentationOptions(nnunet="exact")


@pytest.fixture
def volume():
    """A liver of 60 ml with a lesion, a lesion of a voxel beside it, and a spleen, on the network's own grid."""
    voxels = np.full((30, 40, 48), -1000, np.int16)
    voxels[6:24, 6:28, 6:26] = 140
    voxels[9:14, 10:16, 10:15] = 40
    voxels[3, 35, 45] = 40
    voxels[8:16, 8:20, 34:40] = 300
    return Volume(voxels, np.diag([-2.0, -2.0, 2.0, 1.0]))


@pytest.fixture
def bands(tmp_path):
    return model_folder.load(write_banded_model(tmp_path / "bands", OUTPUTS, EDGES))


def test_a_ct_is_segmented_and_cleaned_up(volume, bands):
    found = segment(volume, bands, "cpu", options=EXACT)
    assert (found.labels[9:14, 10:16, 10:15] == 2).all()
    assert (found.labels == 1).sum() == 18 * 22 * 20 - 5 * 6 * 5
    assert found.labels[3, 35, 45] == 0  # a lesion outside of the liver is none
    assert found.device == "cpu, float32"
    assert found.options.nnunet == "exact"


def test_what_is_neither_liver_nor_lesion_stands_beside_them(volume, bands):
    found = segment(volume, bands, "cpu", options=EXACT)
    assert found.labels.max() == 2
    (others,) = found.others
    assert others.names == ("spleen",)
    assert others.model == bands.description
    assert np.array_equal(others.labels == 7, volume.voxels == 300)
    assert set(np.unique(others.labels)) == {0, 7}


def test_a_model_of_liver_alone_has_nothing_beside_it(volume, tmp_path):
    model = model_folder.load(write_banded_model(tmp_path / "liver", ("background", "liver"), (100.0,)))
    assert segment(volume, model, "cpu", options=EXACT).others == ()


def test_probabilities_and_candidates_are_there_where_they_are_asked_for(volume, bands):
    turned = reordered(volume, (2, 0, 1), (True, False, True))
    options = SegmentationOptions(nnunet="exact", probabilities=True, candidates=True)
    found = segment(turned, bands, "cpu", options=options)
    assert found.probabilities.keys() == {"liver", "lesion"}
    marked = found.labels > 0
    assert (found.probabilities["liver"][marked] > 0.4 * FULL_PROBABILITY).all()
    assert (found.probabilities["liver"] >= found.probabilities["lesion"]).all()
    assert found.confidence.shape == turned.voxels.shape
    assert (found.confidence[found.labels == 2] > 0).all()
    assert len(found.candidates.measures) == 1


def test_outside_of_a_box_there_is_nothing(volume, bands):
    box = slice(0, 30), slice(0, 17), slice(0, 48)
    options = SegmentationOptions(nnunet="exact", postprocessing=KEEP_ALL)
    found = segment(volume, bands, "cpu", options=options, box=box)
    assert not found.labels[:, 17:].any()
    assert found.labels[:, :17].any()


def test_a_model_that_finds_neither_is_no_main_model(volume, tmp_path):
    model = model_folder.load(write_banded_model(tmp_path / "vessels", ("background", "liver_vessels"), (100.0,)))
    with pytest.raises(UserError, match="neither liver nor lesions.*--also"):
        segment(volume, model, "cpu")


@pytest.mark.parametrize(("scheme", "expected"), [("ct", None), ("z_score", "float32"), ("to_unit", "float32")])
def test_a_wide_range_of_hounsfield_units_is_computed_in_float32(volume, tmp_path, scheme, expected):
    rule = Normalisation(scheme=scheme, low=-1000, high=1000, deviation=100)
    model = model_folder.load(write_banded_model(tmp_path / "scheme", OUTPUTS, EDGES, normalisation=rule))
    usual = str(cpu_placement().dtype).removeprefix("torch.")
    assert segment(volume, model, "cpu").device == f"cpu, {expected or usual}"


def test_a_region_has_the_labels_of_the_whole_there_and_none_elsewhere(volume, bands):
    inside = np.zeros(volume.voxels.shape, bool)
    inside[8:16, 9:18, 9:40] = True
    whole, part = (
        segment(volume, bands, "cpu", options=EXACT),
        segment_region(volume, bands, inside, "cpu", options=EXACT),
    )
    assert np.array_equal(part.labels, np.where(inside, whole.labels, 0))
    assert np.array_equal(part.others[0].labels, np.where(inside, whole.others[0].labels, 0))
    assert part.notes[-1] == REGION_WARNING


def test_of_a_region_half_a_patch_around_is_looked_at(bands):
    voxels = np.full((100, 100, 100), -1000, np.int16)
    inside = np.zeros(voxels.shape, bool)
    inside[50, 50, 50] = True
    told = []
    far = Volume(voxels, np.diag([-2.0, -2.0, 2.0, 1.0]))
    keep = SegmentationOptions(nnunet="exact", postprocessing=Postprocessing())
    segment_region(far, bands, inside, "cpu", lambda f, s: told.append(s), options=keep)
    assert "Segmenting part 1 of 8" in told  # 21 voxels along each axis: 20 mm are more than half of 16 voxels of 2 mm


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
def test_the_picture_of_what_the_network_sees_lies_where_the_ct_does(bands, axes):
    voxels = np.full((30, 40, 48), -50, np.int16)
    voxels[8:16, 8:20, 34:40] = 350
    voxels[:, 33:] = 0  # which is cut off
    settings = bands.description.nnunet.model_copy(update={"spacing_mm": (3.0, 2.5, 2.5)})
    coarse = bands.description.model_copy(update={"nnunet": settings})
    turned = reordered(Volume(voxels, np.diag([-2.0, -2.0, 2.0, 1.0])), axes, (True, False, True))
    image, affine = preprocess_volume(turned, coarse)
    assert image.dtype == np.float32
    assert (image.min(), image.max()) == (-0.5, 3.5)  # in hundreds of HU
    bright = np.argwhere(image > 1.5).mean(axis=0)[::-1]
    own = np.argwhere(turned.voxels == 350).mean(axis=0)[::-1]
    assert np.abs(affine @ [*bright, 1] - turned.affine @ [*own, 1]).max() < 1.25  # half a voxel
    corners = [[-0.5, -0.5, -0.5, 1], [*(np.array(image.shape[::-1]) - 0.5), 1]]
    shown = np.sort([affine @ corner for corner in corners], axis=0)
    assert np.allclose(shown[:, :3], [[-95, -65, -1], [1, 1, 59]])


def test_options_can_be_written_down():
    assert json.loads(json.dumps(asdict(EXACT)))["nnunet"] == "exact"


def test_a_network_that_is_given_what_it_was_made_for_sees_nothing_padded():
    network = create_with_options("plain_conv_unet_3d", 1, 3, {"features": [2, 2, 2, 2, 2]}).eval()
    seen = []
    for fits in (False, True):
        engine = Predictor(network, cpu_placement(precision="float32"), fits=fits)
        engine._network.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape[2:])))
        with torch.inference_mode():
            assert engine(torch.zeros(1, 1, 32, 40, 36)).shape[2:] == (32, 40, 36)
    assert seen == [(32, 48, 48), (32, 40, 36)]
