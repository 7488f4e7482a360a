from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from support.sandbox import Sandbox

from LiverTumorSegLib.io import volumes
from robustness.odd_volumes import model, orientations
from robustness.odd_volumes.attempt import attempt, found, touched
from robustness.odd_volumes.case import Case, Handled, Refused, file
from robustness.odd_volumes.formats import nifti
from robustness.odd_volumes.grid import BODY
from robustness.odd_volumes.table import CASES, LOADS, named

QUICK = dict([(name, case) for name, case in CASES.items() if not name.startswith("axes")][::2])
"""Every other case; ``make stress`` tries all. The orders of axes have a test of their own."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    temporary = tmp_path_factory.mktemp("temporary")
    sandbox = Sandbox(*LOADS, TMPDIR=str(temporary))
    yield sandbox
    sandbox.close()
    assert not list(temporary.iterdir())


@pytest.fixture(scope="module")
def thresholds(tmp_path_factory):
    return model.save(tmp_path_factory.mktemp("models") / "thresholds")


@pytest.mark.parametrize("case", QUICK.values(), ids=[ascii(name) for name in QUICK])
def test_it_is_segmented_in_its_place_or_refused_in_a_sentence(sandbox, thresholds, tmp_path, case):
    assert not attempt(case, sandbox, thresholds, tmp_path, short=True)


@pytest.mark.parametrize(("name", "write"), orientations.WRITERS.items())
def test_every_order_of_the_axes_shows_the_same_patient(tmp_path, name, write):
    """Each of the 48, by the place of every voxel."""
    expected = places(BODY)
    for order in orientations.ORDERS:
        (tmp_path / name).write_bytes(write(BODY.ordered(*order)))
        volume = volumes.read_volume(tmp_path / name)
        assert places(volume) == expected, order


def places(volume):
    """HU by the place in the patient, in thousandths of a millimetre."""
    found = {}
    for k, j, i in product(*map(range, volume.voxels.shape)):
        place = np.rint(volume.affine @ (i, j, k, 1) * 1000).astype(int)
        found[tuple(place.tolist())] = int(volume.voxels[k, j, i])
    return found


WRONG_PLACE = replace(BODY, affine=BODY.affine + np.eye(4, k=3))
WRONG_VOXEL = BODY.with_voxels(np.where(np.arange(BODY.voxels.size).reshape(BODY.voxels.shape), BODY.voxels, 100))


@pytest.mark.parametrize(
    ("content", "outcome", "complaint"),
    [
        (nifti(), Refused(""), "not refused"),
        (nifti()[:400], Handled(BODY), "not handled"),
        (nifti()[:400], Refused("is empty"), "“is empty” not in"),
        (nifti()[:400], Refused("", naming="b.nii"), "“b.nii” not in"),
        (nifti(WRONG_PLACE), Handled(BODY), "affine"),
        (nifti(BODY.ordered((0, 1, 2), (True, False, False))), Handled(BODY), "affine"),
        (nifti(WRONG_VOXEL), Handled(BODY), "1 of 378 labels are wrong"),
        (nifti(BODY.ordered((1, 0, 2), (False, False, False))), Handled(BODY), "shape"),
        (nifti(), Handled(BODY, "gantry tilt"), "“gantry tilt” not in"),
    ],
)
def test_what_goes_wrong_is_found(sandbox, thresholds, tmp_path, content, outcome, complaint):
    case = Case("planted", file("ct.nii", content), outcome)
    assert complaint in attempt(case, sandbox, thresholds, tmp_path, short=True)


@pytest.mark.parametrize("name", ["in/more", "out/.livertumorseg-x", "in/ct.nii"])
def test_files_left_behind_or_changed_are_found(tmp_path, name):
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    (tmp_path / "in" / "ct.nii").touch()
    before = found(tmp_path)
    assert not touched(before, tmp_path)
    (tmp_path / name).write_text("changed")
    (tmp_path / "out" / "labels.nii").touch()
    assert touched(before, tmp_path, tmp_path / "out" / "labels.nii") == f"left or changed {Path(name).name}"


def test_no_two_cases_have_one_name():
    with pytest.raises(ValueError, match="twice"):
        named([Case("twice", file("a", b""), Refused(""))] * 2)


def test_the_table_tries_what_it_says():
    kinds = [type(case.outcome) for case in CASES.values()]
    assert len(kinds) > 400
    assert min(kinds.count(Handled), kinds.count(Refused)) > 150
