from pathlib import Path

import pytest
from support.training_cases import make_volumes, write_phantom_as_msd

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.layouts import Layout
from LiverTumorSegLib.datasets.volumes import VolumeSource
from LiverTumorSegLib.experiments.reproduction import data as data_set
from LiverTumorSegLib.experiments.reproduction.data import DataSet
from LiverTumorSegLib.experiments.reproduction.patient_choice import choose_patients


def cohort(*names):
    layout = Layout(Path("LITS"), "lits", (), ())
    return DataSet((layout,), Path(), (VolumeSource(volumes="LITS"),), names)


LITS = cohort(*(f"volume-{number}" for number in range(131)))


def numbers(data):
    return [int(name.rpartition("-")[2]) for name in data.patients]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("28-47", list(range(28, 48))),
        ("not:28-47", [*range(28), *range(48, 131)]),
        ("0-30, not:28-47", list(range(28))),
        ("volume-3,9,1-2", [1, 2, 3, 9]),
        ("120-999", list(range(120, 131))),
        ("not:0-128,not:130", [129]),
    ],
)
def test_numbers_ranges_names_and_what_is_left_out(words, expected):
    assert numbers(choose_patients(LITS, words)) == expected


def test_numbers_are_those_that_names_end_in():
    ircadb = cohort("3Dircadb1.1", "3Dircadb1.10", "3Dircadb1.2")
    assert choose_patients(ircadb, "1-2").patients == ("3Dircadb1.1", "3Dircadb1.2")
    assert choose_patients(cohort("liver_4", "someone"), "not:someone").patients == ("liver_4",)


def test_all_are_taken_where_nobody_is_asked_for():
    assert choose_patients(LITS, None) is LITS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("140-150", "“140-150” is nobody in LITS: give numbers, ranges or names"),
        ("not:volume-500", "“volume-500” is nobody"),
        ("3,", "“” is nobody"),
        ("3,not:3", "--patients 3,not:3 leaves nobody of LITS"),
        ("47-28", "“47-28” is nobody"),
    ],
)
def test_an_entry_that_is_nobody_and_a_choice_of_nobody_are_named(words, said):
    with pytest.raises(UserError, match=said):
        choose_patients(LITS, words)


def test_the_choice_stands_in_the_words_for_the_data(tmp_path):
    found = choose_patients(data_set.find(make_volumes(tmp_path) / "LITS"), "not:1")
    assert found.in_words == "LITS (LiTS, 2 patients of --patients not:1)"
    assert [scan.name for layout in found.used for scan in layout.scans] == ["volume-0", "volume-2"]


def test_of_several_data_sets_a_number_is_everybodys_whose_name_ends_in_it(tmp_path):
    make_volumes(tmp_path, (0, 1))
    make_volumes(tmp_path, (1, 2, 3), write_phantom_as_msd)
    found = choose_patients(data_set.find([tmp_path / "LITS", tmp_path / "MSD"]), "1-2")
    assert found.patients == ("volume-1", "liver_2")
    assert found.in_words == (
        "LITS (LiTS, 1 patients of --patients 1-2) and MSD (MSD Task03_Liver, 1 patients of --patients 1-2)"
    )
    assert found.first(1).patients == ("volume-1",)
    with pytest.raises(UserError, match=r"LITS and .*MSD: give numbers.*counted once: 1 of MSD"):
        choose_patients(found, "9")
