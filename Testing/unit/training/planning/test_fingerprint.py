"""Fingerprints beside those of nnU-Net's own extractor, which Testing/reference/nnunet/plans.py had it take."""

import json

import numpy as np
import pytest
from support.dataset_cases import ct, labels, write_ircadb, write_lits, write_slices
from support.planning_cases import DRAWN, NAMES, write_set
from support.repository import ROOT

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.datasets import layouts
from LiverTumorSegLib.preprocessing.hu_counts import HuCounts
from LiverTumorSegLib.training.planning import fingerprint
from LiverTumorSegLib.training.planning.fingerprint import draw_foreground, nonzero_box, take_fingerprint
from LiverTumorSegLib.training.planning.plans import plan

REFERENCE = ROOT / "Testing" / "reference" / "nnunet" / "plans"
SUMS_IN_FLOAT32 = 1e-6


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(fingerprint, "DRAWN", 10_000)


def taken(folder, task=None):
    return take_fingerprint(layouts.find(folder), task or Job())


@pytest.mark.parametrize("name", NAMES)
def test_fingerprint_and_plans_of_cts_are_nnu_nets_own(tmp_path, monkeypatch, name):
    monkeypatch.setattr(fingerprint, "DRAWN", DRAWN[name])
    theirs = json.loads((REFERENCE / f"{name}.json").read_text())
    found = taken(write_set(name, tmp_path / name))
    own, key = found.to_json(), "foreground_intensity_properties_per_channel"
    plans, dataset = plan(found).to_json(theirs["plans"]["dataset_name"]), theirs["fingerprint"]
    assert plans.pop(key) == own[key]
    assert theirs["plans"].pop(key) == dataset[key]
    assert plans == theirs["plans"]
    intensities, expected = own.pop(key)["0"], dataset.pop(key)["0"]
    assert own == dataset
    for moment in ("mean", "std"):
        assert intensities.pop(moment) == pytest.approx(expected.pop(moment), rel=SUMS_IN_FLOAT32)
    assert intensities == expected


def test_as_many_voxels_are_drawn_as_nnu_net_draws():
    assert fingerprint.DRAWN == DRAWN["small"] == 10e7


def test_voxels_drawn_in_parts_are_those_drawn_at_once(monkeypatch):
    voxels = ct().ravel()
    expected = np.random.RandomState(1234).choice(voxels, 5_000, replace=True)
    monkeypatch.setattr(fingerprint, "_AT_ONCE", 999)
    counts = HuCounts()
    draw_foreground(counts, voxels, 5_000, Job())
    assert (counts.total, counts.mean) == (5_000, pytest.approx(expected.mean(dtype=np.float64)))


def test_the_box_of_what_is_not_zero_keeps_zeros_within():
    voxels = np.zeros((5, 6, 7), np.int16)
    voxels[1, 2, 3] = voxels[3, 4, 3] = -1
    assert nonzero_box(voxels) == (slice(1, 4), slice(2, 5), slice(3, 4))
    assert nonzero_box(np.zeros((2, 2, 2), np.int16)) is None


def test_every_kind_of_data_set_is_read(tmp_path, few):
    write_lits(tmp_path / "lits", 0)
    write_ircadb(tmp_path / "ircadb", 1)
    write_slices(tmp_path / "slices", "a")
    of_lits, of_ircadb, of_slices = (taken(tmp_path / name) for name in ("lits", "ircadb", "slices"))
    for found in (of_lits, of_ircadb, of_slices):
        (case,) = found.cases
        assert case.spacing == pytest.approx((2.0, 0.9, 0.8))
        assert (case.axes, case.labelled, case.kept) == ((0, 1, 2), 6 / 8, 1.0)
        assert found.labels == ("background", "liver", "lesion")
    assert of_lits.cases[0].shape == of_ircadb.cases[0].shape == (8, 20, 24)


def test_masks_without_lesions_have_two_labels(tmp_path, few):
    write_lits(tmp_path, 0, marked=labels(lesions=0))
    assert taken(tmp_path).labels == ("background", "liver")


def test_doubts_are_told_with_the_names_that_they_are_of(tmp_path, few):
    for number in (3, 4):
        write_lits(tmp_path, number)
    told = {sentence: names for sentence, names in taken(tmp_path).warnings if "It covers 16 mm" in sentence}
    assert list(told.values()) == [("volume-3", "volume-4")]


def test_what_cannot_be_planned_for_is_said(tmp_path, few):
    write_lits(tmp_path / "empty", 0, voxels=np.zeros((8, 20, 24), np.int16))
    write_lits(tmp_path / "bare", 0, marked=np.zeros((8, 20, 24), np.uint8))
    with pytest.raises(UserError, match="volume-0.nii is 0 everywhere: take volume-0 out of the data set"):
        taken(tmp_path / "empty")
    with pytest.raises(UserError, match="bare is labelled: give data whose liver was segmented"):
        taken(tmp_path / "bare")


def test_it_tells_of_each_ct_and_stops_when_asked_to(tmp_path, few):
    for number in range(3):
        write_lits(tmp_path, number)
    told, token = [], CancelToken()

    def progress(fraction, sentence):
        told.append((fraction, sentence))
        if len(told) == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        taken(tmp_path, Job(progress, token))
    assert told == [(0.0, "Reading volume-0: 1 of 3"), (1 / 3, "Reading volume-1: 2 of 3")]
