from dataclasses import replace

import numpy as np
import pytest
import torch
from support.click_training import LESION_GREY, LIVER_GREY, patient

from LiverTumorSegLib.datasets.slices import AutomaticMap
from LiverTumorSegLib.models.description import ClickPatches
from LiverTumorSegLib.training.augmentation import SETS
from LiverTumorSegLib.training.clicks.options import ClickSampling
from LiverTumorSegLib.training.clicks.sampling import ClickSampler, augment_clicks

PLAIN = {"synthetic": 0, "nothing": 0, "improved": 0, "unknown_liver": 0, "other_zoom": 0, "jitter": 0, "scale": (1, 1)}
PATCHES = ClickPatches(spacing_mm=(2.0, 1.0, 1.0), size=(16, 24, 24))


def sampler(number=0, people=None, *, batch=16, augmentation=SETS["none"], seed=0, **sampling):
    return ClickSampler(
        people or [patient()],
        pixel_mm=1.0,
        sampling=ClickSampling(**PLAIN | sampling),
        patches=PATCHES,
        augmentation=augmentation,
        batch=batch,
        seed=seed,
        first=number,
    )


def drawn(*which, **options):
    return next(iter(sampler(*which, **options)))


def around(labels, point):
    """Labels of the voxels that a place lies between."""
    return labels[tuple(slice(int(at), int(at) + 2) for at in point.tolist())]


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    everything = {
        "synthetic": 0.4,
        "nothing": 0.2,
        "improved": 0.5,
        "unknown_liver": 0.5,
        "jitter": 0.2,
        "scale": (0.7, 1.5),
    }
    options = {"batch": 4, "seed": 3, "augmentation": SETS["unet-lits"], **everything}
    batches = iter(sampler(**options))
    second = [next(batches) for _ in range(2)][1]
    again = next(iter(sampler(1, **options)))
    for name in ("image", "labels", "liver", "zoom", "first", "seeds", "base"):
        torch.testing.assert_close(second[name], again[name])


def test_a_patch_shows_one_lesion_alone_and_the_click_is_in_it():
    batch = drawn(scatter_mm=0)
    for labels, image, first in zip(batch["labels"], batch["image"][:, 0], batch["first"], strict=True):
        assert (around(labels, first) == 2).any()
        assert image[labels == 2].median() == pytest.approx(LESION_GREY / 255, abs=0.01)


def test_small_and_large_lesions_are_drawn_alike_and_large_ones_from_further_away():
    zooms = torch.cat([drawn(number)["zoom"] for number in range(6)])
    assert set(zooms.tolist()) == {1.0, 2.0}
    assert 0.3 < (zooms == 2).float().mean() < 0.7


def test_the_first_look_may_be_finer_than_a_large_lesion_asks_for_and_never_coarser():
    zooms = torch.cat([drawn(number, finer=1)["zoom"] for number in range(6)])
    assert set(zooms.tolist()) == {1.0, 2.0}
    assert 0.1 < (zooms == 2).float().mean() < 0.4


def test_a_painted_lesion_is_of_liver_alone():
    batch = drawn(synthetic=1)
    assert ((batch["labels"] == 2).flatten(1).any(dim=1)).all()
    grey = batch["image"][:, 0][batch["labels"] == 2]
    assert (grey - LIVER_GREY / 255).abs().mean() > 0.03


def test_where_there_is_nothing_nothing_is_to_be_found():
    batch = drawn(nothing=1)
    assert not (batch["labels"] == 2).any()
    assert all((around(labels, at) == 1).any() for labels, at in zip(batch["labels"], batch["first"], strict=True))


def test_the_liver_s_median_is_known_or_roughly():
    assert drawn()["liver"].tolist() == pytest.approx([LIVER_GREY / 255] * 16)
    assert 0.03 < float(drawn(unknown_liver=1)["liver"].std()) < 0.1


def test_the_liver_s_median_changes_as_the_liver_does():
    offset = SETS["none"].model_copy(update={"gain": 0.2, "offset": 0.05})
    batch = augment_clicks(drawn(augmentation=offset, deep=1, rim=0))
    for pixels, labels, liver in zip(batch["pixels"][:, 0], batch["labels"], batch["liver"], strict=True):
        if (labels == 1).any():
            assert pixels[labels == 1].median() == pytest.approx(float(liver), abs=0.01)
    assert batch["liver"].std() > 0.01


def test_a_person_in_two_folders_is_drawn_as_one():
    twice, once = [patient("volume-1"), patient("volume-1")], patient("volume-2")
    once.pixels.clamp_(max=LIVER_GREY - 40)
    livers = torch.cat([drawn(number, [*twice, once])["liver"] for number in range(8)])
    assert 0.3 < (livers < (LIVER_GREY - 20) / 255).float().mean() < 0.7


def test_later_clicks_have_seeds_of_their_own():
    assert len(set(drawn()["seeds"].tolist())) == 16


def test_samples_differ():
    images = drawn(scale=(0.8, 1.2), jitter=0.2)["image"]
    assert not np.allclose(images[0], images[1])


def with_map(level=200, known=True):
    """A patient whose map says so of every voxel of a lesion."""
    one = patient()
    levels = (one.labels == 2).to(torch.uint8) * level
    return replace(one, automatic=AutomaticMap(levels, np.full(len(levels), known)))


def test_another_model_s_map_is_shown_in_a_share_of_the_samples_of_real_lesions():
    batch = drawn(0, [with_map()], scatter_mm=0, automatic_known=0.5)
    known = batch["automatic_known"]
    assert 0 < int(known.sum()) < len(known)
    shown, labels = batch["automatic"], batch["labels"]
    assert not shown[~known].any()
    for each, lesion in zip(shown[known], labels[known] == 2, strict=True):
        assert each[lesion].median() == pytest.approx(200 / 255, abs=0.01)


def test_a_map_of_other_slices_is_not_shown():
    assert not drawn(0, [with_map(known=False)], automatic_known=1)["automatic_known"].any()
    assert not drawn(0, [with_map()], automatic_known=1, synthetic=1)["automatic_known"].any()


def test_patients_without_maps_are_drawn_as_before():
    torch.testing.assert_close(drawn(automatic_known=1)["image"], drawn(automatic_known=0)["image"])


def test_a_share_of_the_samples_has_a_wrong_outline_to_be_improved():
    batch = drawn(improved=0.5)
    improved = batch["improved"]
    assert 0 < int(improved.sum()) < len(improved)
    assert not batch["base"][~improved].any()
    assert not drawn(nothing=1, improved=1)["improved"].any()
