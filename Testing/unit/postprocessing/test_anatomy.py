import csv
import re

import numpy as np
import pytest
from PIL import Image
from support.repository import SHARED

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.postprocessing.anatomy import ADULT_ML, NOT_WHOLE
from LiverTumorSegLib.reporting.lesions import measure_lesions

MM = (5.0, 4.0, 4.0)
REACHES = "Lesion 1 reaches the end of this CT: what is measured is the part that it shows."


def told(labels, spacing=MM, *, marks=("liver", "lesion"), region=False):
    """Doubts about labels ``[slice, row, column]``."""
    k, j, i = spacing
    volume = Volume(np.zeros(labels.shape, np.int16), np.diag([-i, -j, k, 1.0]))
    return measure_lesions(labels, volume, marks, region=region).warnings


@pytest.fixture
def labels():
    """A round liver of 1.3 l with three lesions, the largest on its right side."""
    at = np.indices((40, 60, 60)) - np.reshape([20, 30, 30], (3, 1, 1, 1))
    labels = ((at**2).sum(axis=0) < 16**2).astype(np.uint8)
    labels[15:27, 25:30, 17:24] = labels[18:20, 35:38, 30:33] = labels[25, 30, 40] = 2
    return labels


def test_a_whole_liver_with_lesions_in_and_on_it_leaves_no_doubt(labels):
    labels[20, 30:33, 44:48] = 2  # beyond its surface
    assert told(labels) == ()


def test_nothing_is_said_of_no_liver_but_that(labels):
    assert told(np.zeros_like(labels)) == ("No liver was found.",)


@pytest.mark.parametrize(("part", "end"), [(slice(20, None), "lowest"), (slice(21), "highest")])
def test_a_liver_that_the_ct_cuts_off_and_the_lesion_there_are_said_and_its_volume_is_not(labels, part, end):
    assert told(labels[part]) == (NOT_WHOLE[end], REACHES)


def test_a_single_slice_shows_a_part_of_everything(labels):
    assert told(labels[19:20]) == (
        *NOT_WHOLE.values(),
        "Lesions 1 and 2 reach the end of this CT: what is measured is the part that it shows.",
    )


def test_where_a_liver_ends_with_the_ct_its_lesion_is_whole(labels):
    cut = labels[6:]
    cut[0, 28:32, 28:32] = 2
    assert 0 < np.count_nonzero(cut[0]) < 0.4 * np.count_nonzero(cut, axis=(1, 2)).max()
    assert told(cut) == ()


def test_the_ends_are_the_patients_in_any_order_of_the_file(labels):
    upside_down = Volume(np.zeros(labels[20:].shape, np.int16), np.diag([-4.0, -4, -5, 1]))
    assert measure_lesions(labels[20:][::-1], upside_down).warnings == (NOT_WHOLE["lowest"], REACHES)


def test_lesions_that_were_painted_outside_the_liver_are_named(labels):
    labels[2:6, 2:6, 2:6] = 2
    assert told(labels) == ("Lesion 2 lies outside the liver: check whether it was marked there by mistake.",)
    for row in range(20, 40, 3):
        labels[0, row, 50] = 2
    (sentence,) = told(labels)
    assert sentence.startswith("Lesions 2, 4, 5, 6, 7 and 3 more lie outside the liver: check whether they were")


def test_a_lesion_that_touches_the_liver_by_a_corner_is_on_it(labels):
    edge = np.argwhere(labels == 1).min(axis=0)  # its lowest slice is a single row and column
    labels[edge[0] - 1] = 0
    lowest = np.argwhere(labels[edge[0]])[0]
    labels[edge[0] - 1, lowest[0] - 1, lowest[1] - 1] = 2
    assert told(labels) == ()


@pytest.mark.parametrize(("side", "said"), [(3, False), (6, True)])
def test_liver_apart_from_the_rest_is_said_where_it_is_more_than_a_few_voxels(labels, side, said):
    labels[1 : 1 + side, 1 : 1 + side, 1 : 1 + side] = 1
    sentence = "17 ml of liver do not touch the rest of it: check whether they were marked by mistake."
    assert told(labels) == ((sentence,) if said else ())


@pytest.mark.parametrize("doubt", ["small", "large", "as large but for lesions"])
def test_a_liver_that_few_adults_have_is_said(labels, doubt):
    liver_ml = np.count_nonzero(labels) * np.prod(MM) / 1000
    wanted = ADULT_ML[0] - 10 if doubt == "small" else ADULT_ML[1] + 400
    spacing = tuple(mm * (wanted / liver_ml) ** (1 / 3) for mm in MM)
    if doubt == "as large but for lesions":
        labels[10:25, 20:40, 20:40] = np.where(labels[10:25, 20:40, 20:40] > 0, 2, 0)
        assert told(labels, spacing) == ()
        return
    (sentence,) = told(labels, spacing)
    stated = {"small": "has 580 ml, and adults' at least 590", "large": r"has 3[23]\d\d ml without its lesions"}
    assert re.search(stated[doubt], sentence)


def test_a_liver_that_cannot_be_is_not_called_large_as_well(labels):
    (sentence,) = told(labels, (10.0, 9.0, 9.0))
    assert "cannot be" in sentence


def test_a_region_is_not_asked_whether_its_liver_is_whole_or_large_enough(labels):
    part = labels[20:32].copy()
    part[5:7] = 0  # two parts of some 100 ml
    assert told(part, (3.0, 2.0, 2.0), region=True) == (REACHES,)


def test_lesions_alone_lie_outside_no_liver(labels):
    alone = np.where(labels == 2, 2, 0).astype(np.uint8)
    (sentence,) = told(alone, marks=("background", "lesion"))
    assert sentence.startswith("This model marks lesions alone")
    assert told(alone[20:], marks=("background", "lesion"))[1:] == (REACHES,)


def stacks(name):
    """Slices of each patient of shared LiTS slices that lie one beside the other, by patient."""
    table = SHARED / name / "slices.csv"
    if not table.is_file():
        pytest.skip(f"needs the shared slices in {table.parent}")
    patients = {}
    with table.open(newline="") as rows:
        for row in csv.DictReader(rows):
            if row["contiguous"] == "1":
                patients.setdefault(int(row["volume"]), []).append(row)
    return {patient: sorted(rows, key=lambda row: int(row["slice"])) for patient, rows in patients.items()}


def spacing_of(patient, rows):
    """Millimetres between slices, rows and columns; the true ones where the published files state others."""
    with (SHARED / "lits" / "spacing_3dircadb.csv").open(newline="") as table:
        true = {int(row["volume"]): (row["slice_mm"], row["in_plane_mm"]) for row in csv.DictReader(table)}
    slice_mm, pixel_mm = map(float, true.get(patient) or (rows[0]["dz_native_mm"], rows[0]["dx_mm"]))
    return slice_mm * (int(rows[1]["slice"]) - int(rows[0]["slice"])), pixel_mm, pixel_mm


@pytest.mark.parametrize("name", ["lits", "lits_wide"])
def test_the_volumes_of_the_shared_patients_are_adults(name):
    for patient, rows in stacks(name).items():
        voxel_ml = np.prod(spacing_of(patient, rows)) / 1000
        lesion_ml = sum(int(row["tumour_px"]) for row in rows) * voxel_ml
        liver_ml = sum(int(row["liver_px"]) for row in rows) * voxel_ml  # lesions included
        assert ADULT_ML[0] < liver_ml - lesion_ml < ADULT_ML[1], patient
        assert liver_ml > 1100, patient


@pytest.mark.parametrize("name", ["lits", "lits_wide"])
@pytest.mark.parametrize("patient", [0, 1, 4, 46])
def test_the_shared_patients_are_whole_and_their_lesions_in_the_liver(name, patient):
    rows = stacks(name).get(patient)
    if rows is None:
        pytest.skip(f"patient {patient} is not in {name}")
    masks = [SHARED / name / "masks" / f"volume-{patient}_slice_{row['slice']}.png" for row in rows]
    labels = np.stack([np.asarray(Image.open(mask)) for mask in masks])
    assert {1, 2} <= set(np.unique(labels))
    assert told(labels, spacing_of(patient, rows)) == ()


def test_a_sample_whose_liver_reaches_the_top_is_told_so_and_nothing_else(samples):
    from LiverTumorSegLib.io import volumes

    ct = volumes.read_volume(samples / "totalsegmentator" / "ct.nii.gz")
    liver = volumes.read_stored(samples / "totalsegmentator" / "liver.nii.gz")
    assert np.array_equal(liver.affine, ct.affine)
    assert measure_lesions(liver.values.astype(np.uint8), ct).warnings == (NOT_WHOLE["highest"],)
