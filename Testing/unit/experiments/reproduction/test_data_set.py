import nibabel
import numpy as np
import pytest
from support.training_cases import make_data, make_volumes, write_phantom_as_msd

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.datasets import slices
from LiverTumorSegLib.datasets.slices import SliceSource
from LiverTumorSegLib.datasets.volumes import VolumeSource
from LiverTumorSegLib.experiments.reproduction import data
from LiverTumorSegLib.preprocessing import Chain

CHAIN = Chain.model_validate([{"step": "window", "level": 60, "width": 200}])


@pytest.fixture(scope="module")
def lits(tmp_path_factory):
    return make_volumes(tmp_path_factory.mktemp("data")) / "LITS"


def test_cts_are_named_by_their_folder_and_no_more_than_wanted_are_used(lits):
    found = data.find(lits).first(2)
    assert found.sources == (VolumeSource(volumes="LITS"),)
    assert found.root == lits.parent
    assert found.patients == ("volume-0", "volume-1")
    assert [scan.name for scan in found.used[0].scans] == ["volume-0", "volume-1"]
    assert found.can_be_exported


def test_msd_is_recognised_alike(tmp_path):
    make_volumes(tmp_path, (1, 2), write_phantom_as_msd)
    assert data.find(tmp_path / "MSD").patients == ("liver_1", "liver_2")


def test_thinning_leaves_so_many_slices(lits):
    found = data.find(lits)
    assert data.thinning_for(found, 24) == 1
    assert data.thinning_for(found, 4) == 3
    assert found.thinned(3).sources[0].every == 3


def test_slice_pictures_are_read_where_their_hu_are_said(tmp_path):
    folder = make_data(tmp_path) / "lits"
    with pytest.raises(UserError, match="do not say their HU: .* --intensities -40 160"):
        data.find(folder)
    found = data.find(folder, (-40, 160))
    assert found.thinned(2) == found
    assert data.thinning_for(found, 5) == 2
    assert not found.can_be_exported
    patients = slices.read_patients(found.sources[0], found.root, CHAIN, found.patients)
    assert [one.name for one in patients] == ["volume-0", "volume-1", "volume-2"]


def test_hu_are_not_asked_for_where_they_are_known(lits, tmp_path):
    with pytest.raises(UserError, match="LITS holds LiTS whose HU are known: leave --intensities out"):
        data.find(lits, (-40, 160))
    dumped = export(lits, tmp_path / "slices", overwrite=False).layouts[0].folder
    with pytest.raises(UserError, match="whose HU are known"):
        data.find(dumped, (-40, 160))


def test_data_are_described_with_the_hu_that_the_user_said(lits, tmp_path):
    assert data.find(lits).in_words == "LITS (LiTS, 3 patients)"
    assert data.find(make_data(tmp_path) / "lits", (-40, 160)).in_words.endswith("3 patients, -40 to 160 HU)")


def export(lits, folder, every=2, most=None, **options):
    return data.export_slices(data.find(lits).first(most), folder, CHAIN, every, job=Job(), **options)


def test_slices_are_exported_once_as_the_paper_has_them(lits, tmp_path):
    found = export(lits, tmp_path / "slices", overwrite=False)
    assert found.sources == (SliceSource(folder="slices"),)
    written = sorted((tmp_path / "slices" / "images").iterdir())
    assert len(written) == 3 * 5
    times = [path.stat().st_mtime_ns for path in written]
    export(lits, tmp_path / "slices", overwrite=False)
    assert [path.stat().st_mtime_ns for path in written] == times
    (one, *_) = slices.read_patients(found.sources[0], found.root, CHAIN)
    assert np.array_equal(one.numbers, [0, 2, 4, 6, 8])


def test_slices_of_labels_that_were_corrected_since_are_exported_anew_where_that_is_allowed(lits, tmp_path):
    export(lits, tmp_path / "slices", overwrite=False)
    file = next(lits.glob("segmentation-0.nii*"))
    image = nibabel.load(file)
    nibabel.save(nibabel.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), file)
    with pytest.raises(UserError, match="exists already"):
        export(lits, tmp_path / "slices", overwrite=False)
    done = export(lits, tmp_path / "slices", overwrite=True)
    found = slices.read_patients(done.sources[0], done.root, CHAIN, ["volume-0", "volume-1"])
    assert [bool(patient.labels.any()) for patient in found] == [False, True]


@pytest.mark.parametrize("change", [{"every": 3}, {"most": 2}])
def test_slices_of_another_export_are_replaced_only_where_that_is_allowed(lits, tmp_path, change):
    export(lits, tmp_path / "slices", overwrite=False)
    with pytest.raises(UserError, match="exists already"):
        export(lits, tmp_path / "slices", overwrite=False, **change)
    export(lits, tmp_path / "slices", overwrite=True, **change)
    assert len(list((tmp_path / "slices" / "images").iterdir())) < 15
