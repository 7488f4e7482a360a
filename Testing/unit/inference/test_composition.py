import re
from dataclasses import replace

import numpy as np
import pytest
from support.model_sets import (
    LESION,
    LIVER,
    OUTER_LESION,
    SHAPE,
    SPLEEN,
    TOUCHING_LESION,
    VESSEL,
    joint_model,
    lesion_model,
    liver_model,
    marked,
    nnunet,
    own_model,
    scene,
    spleen_model,
    vessel_model,
)

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.core.structures import STRUCTURES
from LiverTumorSegLib.inference import composition
from LiverTumorSegLib.inference.composition import segment_with
from LiverTumorSegLib.inference.liver_of_another import box_around
from LiverTumorSegLib.inference.model_set import ModelSet
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.models.description import ClickPatches
from LiverTumorSegLib.models.nnunet.settings import Surroundings
from LiverTumorSegLib.postprocessing.settings import Postprocessing

VESSELS, SPLEENS = STRUCTURES["liver_vessels"].label, STRUCTURES["spleen"].label


@pytest.fixture
def volume():
    return scene()


def run(volume, *models, **options):
    return segment_with(volume, ModelSet(*models), "cpu", options=SegmentationOptions(**options))


def test_lesions_lie_in_another_models_liver_or_touch_it(volume):
    found = run(volume, lesion_model(), liver_model())
    lesions = marked(LESION, TOUCHING_LESION)
    assert np.array_equal(found.labels == 2, lesions)
    assert np.array_equal(found.labels == 1, marked(LIVER) & ~lesions)  # with the vessel, which is a hole in it
    assert (found.model.name, found.liver_model.name) == ("lesions", "livers")
    assert [each.name for each in found.models] == ["lesions", "livers"]
    assert found.marks == ("background", "liver", "lesion")


def test_lesions_outside_of_the_liver_stay_where_that_is_asked_for(volume):
    keep = Postprocessing(lesions_in_liver=False, smallest_lesion_ml=0)
    found = run(volume, lesion_model(postprocessing=Postprocessing()), liver_model(), postprocessing=keep)
    assert (found.labels[OUTER_LESION] == 2).all()


def test_one_model_alone_gives_what_it_always_gave(volume):
    alone, before = run(volume, joint_model()), segment(volume, joint_model(), "cpu")
    assert np.array_equal(alone.labels, before.labels)
    assert (alone.notes, alone.device, alone.liver_model) == (before.notes, before.device, None)


def test_a_liver_model_takes_the_place_of_the_main_ones_own_liver_and_that_is_said(volume):
    alone, found = (run(volume, joint_model(), *more, coarse_pass=False) for more in ((), (liver_model(),)))
    assert (alone.labels[SPLEEN] == 1).all()
    assert not found.labels[SPLEEN].any()
    assert "The liver is that of the model “livers”, and not that of “joint”." in found.notes


def test_what_a_liver_model_takes_for_lesions_is_liver(volume):
    nothing = own_model("nothing", ["lesion"], (1000, 1001))
    found = run(volume, nothing, joint_model())
    assert (found.labels[LESION] == 1).all()
    assert not (found.labels == 2).any()


def test_without_a_liver_nothing_is_marked_and_a_sentence_says_so(volume, tmp_path):
    none = own_model("blind", ["liver"], (1000, 1001))
    found = run(volume, lesion_model(), none, (vessel_model(tmp_path),), probabilities=True)
    assert not found.labels.any()
    assert "The model “blind” found no liver: “lesions” was not run, and nothing is marked." in found.notes
    assert "No liver was found: “vessels” was not run." in found.notes
    assert set(found.probabilities) == {"liver", "lesion"}
    assert not found.others[0].labels.any()


def test_other_models_add_their_structures_in_the_order_in_which_they_are_given(volume, tmp_path):
    found = run(volume, lesion_model(), liver_model(), (spleen_model(tmp_path), vessel_model(tmp_path)))
    assert [each.model.name for each in found.others] == ["organs", "vessels"]
    organs, vessels = (each.labels for each in found.others)
    assert np.array_equal(organs == SPLEENS, marked(SPLEEN))
    assert np.array_equal(vessels == VESSELS, marked(VESSEL))
    assert (found.labels <= 2).all()


def test_an_nnunet_looks_at_the_livers_box_with_its_own_margin_or_20_mm(volume, tmp_path):
    below_vessels = ["background", "liver_vessels"], [-100]  # all that is no air
    wide = nnunet(tmp_path, *below_vessels, "wide")
    narrow = nnunet(tmp_path, *below_vessels, "narrow", around=Surroundings(liver_margin_mm=0))
    found = run(volume, lesion_model(), liver_model(), (wide, narrow))
    anything = volume.voxels > -100
    for other, margin in zip(found.others, (10, 0), strict=True):  # voxels of 2 mm
        box = box_around(found.labels > 0, volume, 2 * margin)
        looked_at = np.zeros(SHAPE, bool)
        looked_at[box] = True
        assert np.array_equal(other.labels > 0, anything & looked_at)


def test_a_lesion_model_of_nnunets_kind_looks_at_the_livers_box(volume, tmp_path):
    outputs, edges = ["background", "lesion", ""], [-30, 40]
    lesions = nnunet(tmp_path, outputs, edges, "nnlesions", around=Surroundings(liver_margin_mm=0))
    found = run(volume, lesions, liver_model())
    inside = marked(LIVER)
    assert np.array_equal(found.labels == 2, marked(LESION, TOUCHING_LESION) & inside)


def test_a_model_of_the_spleen_looks_at_all_of_the_ct(volume, tmp_path):
    found = run(volume, lesion_model(), liver_model(), (spleen_model(tmp_path),))
    assert (found.others[0].labels[SPLEEN] == SPLEENS).all()


def test_a_box_is_cut_to_whole_voxels_and_to_the_ct(volume):
    assert box_around(marked(LIVER), volume, 5.9) == np.s_[2:22, 4:32, 4:32]
    assert box_around(marked(LIVER), volume, 20) == np.s_[0:24, 0:40, 0:40]


def test_a_liver_model_that_is_given_with_also_runs_once(volume, tmp_path):
    both = nnunet(tmp_path, ["background", "liver", "spleen", "liver_vessels"], [30, 80, 130], "both")
    told = []
    models = ModelSet(lesion_model(), both, (both,))
    found = segment_with(volume, models, "cpu", lambda done, said: told.append(said))
    assert [each.model.name for each in found.others] == ["both"]
    assert (found.others[0].labels[SPLEEN] == SPLEENS).all()
    assert told.count("both: Preprocessing") == 1
    assert not run(volume, lesion_model(), both).others  # its liver alone was asked for


def test_progress_rises_over_all_models_and_names_them(volume, tmp_path):
    told = []
    models = ModelSet(lesion_model(), liver_model(), (vessel_model(tmp_path),))
    segment_with(volume, models, "cpu", lambda done, said: told.append((done, said)))
    fractions = [done for done, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    names = list(dict.fromkeys(said.partition(":")[0] for _, said in told[:-1]))
    assert names == ["livers", "lesions", "vessels"]
    assert max(done for done, said in told if said.startswith("livers")) == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["livers", "lesions", "vessels"])
def test_a_stop_in_any_of_the_models_ends_all(volume, tmp_path, name):
    cancel = CancelToken()
    models = ModelSet(lesion_model(), liver_model(), (vessel_model(tmp_path),))
    with pytest.raises(Cancelled):
        segment_with(volume, models, "cpu", lambda _, said: cancel.cancel() if name in said else None, cancel)


def test_notes_are_told_with_the_models_name(volume, tmp_path, monkeypatch):
    monkeypatch.setattr(
        composition.one_model,
        "segment",
        lambda *given, _segment=composition.one_model.segment, **more: replace(
            _segment(*given, **more), notes=("A note.",), device="there"
        ),
    )
    found = run(volume, lesion_model(), liver_model(), (vessel_model(tmp_path),))
    assert found.notes[:2] == ("livers: A note.", "lesions: A note.")
    assert found.device.startswith("livers: there; lesions: there; vessels: cpu")


def test_one_device_of_all_models_is_told_once(volume, tmp_path):
    found = run(volume, lesion_model(), liver_model(), precision="float32")
    assert found.device == "cpu, float32"


def test_a_region_is_that_of_every_model(volume, tmp_path):
    inside = np.zeros(SHAPE, bool)
    inside[9:11, 8:24, 8:24] = True
    models = ModelSet(lesion_model(), liver_model(), (vessel_model(tmp_path),))
    found = segment_with(volume, models, "cpu", inside=inside)
    assert np.array_equal(found.labels == 2, marked(LESION) & inside)
    assert np.array_equal(found.others[0].labels > 0, marked(VESSEL) & inside)
    assert found.region
    assert not found.labels[~inside].any()


def test_probabilities_are_the_livers_by_its_model_and_the_lesions_by_theirs(volume):
    found = run(volume, lesion_model(), joint_model(), probabilities=True)
    alone = run(volume, lesion_model(), probabilities=True), run(volume, joint_model(), probabilities=True)
    assert np.array_equal(found.probabilities["lesion"], alone[0].probabilities["lesion"])
    assert np.array_equal(found.probabilities["liver"], alone[1].probabilities["liver"])


def refusal(*models):
    with pytest.raises(UserError) as refused:
        ModelSet(*models)
    assert re.fullmatch(r"[^.\n]+: [^\n]+\.", str(refused.value))
    return str(refused.value)


def test_models_in_the_wrong_place_are_refused_in_a_sentence(tmp_path):
    vessels, lesions, livers = vessel_model(tmp_path), lesion_model(), liver_model()
    clicks = replace(lesions, description=lesions.description.model_copy(update={"clicks": ClickPatches()}))
    assert "--also vessels" in refusal(vessels)
    assert "“lesions” finds no liver" in refusal(joint_model(), lesions)
    assert "“lesions” finds nothing but liver and lesions" in refusal(joint_model(), None, (lesions,))
    assert "marks the liver alone" in refusal(livers, joint_model())
    assert "is the main one already" in refusal(joint_model(), joint_model())
    assert "“vessels” is given twice" in refusal(joint_model(), None, (vessels, vessels))
    for given in ((clicks,), (joint_model(), clicks), (joint_model(), None, (clicks,))):
        assert "one lesion per click" in refusal(*given)
