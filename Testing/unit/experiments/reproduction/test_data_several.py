import pytest
from support.dataset_cases import write_ircadb, write_lits, write_slices
from support.training_cases import make_volumes, write_phantom_as_msd

from LiverTumorSegLib.core.ct_quality import DamageTreatment
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.datasets import sources
from LiverTumorSegLib.datasets.volumes import VolumeSource
from LiverTumorSegLib.experiments.reproduction import data
from LiverTumorSegLib.preprocessing import Chain

CHAIN = Chain.model_validate([{"step": "window", "level": 60, "width": 200}])


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """LiTS with two patients who are in 3D-IRCADb-01, of which there are three, elsewhere on the disk."""
    root = tmp_path_factory.mktemp("data")
    for number in (0, 28, 29):
        write_lits(root / "LITS", number)
    for number in (1, 2, 5):
        write_ircadb(root / "other" / "IRCAD", number)
    return root / "LITS", root / "other" / "IRCAD"


def test_two_data_sets_are_named_from_one_root(both):
    found = data.find(both)
    assert found.root == both[0].parent.resolve()
    assert found.sources == (VolumeSource(volumes="LITS"), VolumeSource(volumes="other/IRCAD"))
    for source, name in zip(found.sources, ("volume-0", "3Dircadb1.5"), strict=True):
        assert sources.source_of(found.sources, found.root, name) == source


@pytest.mark.parametrize("order", [1, -1])
def test_who_is_in_both_is_counted_once_where_the_spacing_is_true(both, order):
    found = data.find(both[::order])
    assert sorted(found.patients) == ["3Dircadb1.1", "3Dircadb1.2", "3Dircadb1.5", "volume-0"]
    assert found.repeated_persons == (
        "Persons who are in several data sets by their numbers are counted once: 2 of LITS, who are taken from IRCAD "
        "(volume-28 is 3Dircadb1.1 to volume-29 is 3Dircadb1.2)."
    )
    words = ["LITS (LiTS, 1 patients)", "IRCAD (3D-IRCADb-01, 3 patients)"]
    assert found.in_words == " and ".join(words[::order])
    assert {scan.name for layout in found.used for scan in layout.scans} == {*found.patients}


def test_one_data_set_repeats_nobody(both):
    assert data.find(both[0]).repeated_persons == ""
    assert data.find([both[0]]) == data.find(both[0])


def test_a_few_patients_are_taken_of_each_in_turn(both):
    assert data.find(both).first(3).patients == ("volume-0", "3Dircadb1.1", "3Dircadb1.2")
    assert data.find(both[::-1]).first(2).patients == ("3Dircadb1.1", "volume-0")
    assert data.find(both).first(None) == data.find(both)


def test_damaged_slices_are_treated_in_all_data_sets(both):
    treated = data.find(both).treated(DamageTreatment.INTERPOLATE).thinned(3)
    assert [(one.damaged, one.every) for one in treated.sources] == [(DamageTreatment.INTERPOLATE, 3)] * 2


def test_one_name_in_two_data_sets_is_taken_from_the_first(tmp_path):
    make_volumes(tmp_path / "a", (0, 1))
    make_volumes(tmp_path / "b", (1, 2))
    make_volumes(tmp_path, (2, 3), write_phantom_as_msd)
    found = data.find([tmp_path / "a" / "LITS", tmp_path / "b" / "LITS", tmp_path / "MSD"])
    assert found.patients == ("volume-0", "volume-1", "volume-2", "liver_3")
    assert [source.leave_out for source in found.sources] == [(), ("volume-1",), ()]
    names = [list(sources.files(source, found.root)) for source in found.sources]
    assert names == [["volume-0", "volume-1"], ["volume-2"], ["liver_2", "liver_3"]]
    assert "1 of LITS, who are taken from LITS (volume-1 is volume-1)" in found.repeated_persons
    assert "1 of MSD, who are taken from LITS (liver_2 is volume-2)" in found.repeated_persons


def test_pictures_of_one_patient_in_two_folders_are_read_from_the_first(tmp_path):
    for folder, name in (("a", "volume-0"), ("b", "volume-0"), ("b", "volume-1")):
        write_slices(tmp_path / folder, name)
    found = data.find([tmp_path / "a", tmp_path / "b"], (-40, 160))
    assert found.patients == ("volume-0", "volume-1")
    assert [list(sources.files(source, tmp_path)) for source in found.sources] == [["volume-0"], ["volume-1"]]
    assert (
        found.in_words
        == "a (slice pictures, 1 patients, -40 to 160 HU) and b (slice pictures, 1 patients, -40 to 160 HU)"
    )


def test_slices_of_several_data_sets_are_exported_into_one_folder(tmp_path):
    make_volumes(tmp_path / "a", (0, 1))
    make_volumes(tmp_path, (1, 2), write_phantom_as_msd)
    found = data.find([tmp_path / "a" / "LITS", tmp_path / "MSD"])
    done = data.export_slices(found, tmp_path / "pictures", CHAIN, 2, overwrite=False, job=Job())
    assert done.patients == ("volume-0", "volume-1", "liver_2")
    assert set(sources.files(done.sources[0], done.root)) == set(done.patients)
    assert done.repeated_persons == found.repeated_persons != ""


def test_a_folder_that_is_given_twice_is_refused(both):
    with pytest.raises(UserError, match="LITS is given twice: give each data set once"):
        data.find([both[0], both[0].parent / "other" / ".." / "LITS"])


def test_hu_are_refused_only_where_no_data_set_needs_them(both, tmp_path):
    with pytest.raises(UserError, match="whose HU are known: leave --intensities out"):
        data.find(both, (-40, 160))
    write_slices(tmp_path / "pictures", "volume-7")
    with pytest.raises(UserError, match="pictures do not say their HU"):
        data.find([both[0], tmp_path / "pictures"])
    assert len(data.find([both[0], tmp_path / "pictures"], (-40, 160)).patients) == 4
