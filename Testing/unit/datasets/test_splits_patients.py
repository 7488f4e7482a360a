import pytest

from LiverTumorSegLib.datasets.splits import IRCADB_IN_LITS, has_wrong_spacing, patient_of


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("volume-28", "volume-28"),
        ("volume-004", "volume-4"),
        ("liver_28", "volume-28"),
        ("liver-102", "volume-102"),
        ("3Dircadb1.1", "volume-28"),
        ("3Dircadb1.20", "volume-47"),
        ("3Dircadb1.21", "3Dircadb1.21"),
        ("3Dircadb1.0", "3Dircadb1.0"),
        ("my-volume-3", "my-volume-3"),
        ("volume-3b", "volume-3b"),
    ],
)
def test_published_names_of_one_patient_become_one(name, patient):
    assert patient_of(name) == patient


def test_the_20_patients_of_3d_ircadb_are_28_to_47_of_lits():
    assert [patient_of(f"3Dircadb1.{n}") for n in range(1, 21)] == [f"volume-{n}" for n in IRCADB_IN_LITS]
    assert list(IRCADB_IN_LITS) == list(range(28, 48))


@pytest.mark.parametrize(
    ("patient", "in_plane", "wrong"),
    [
        ("volume-28", (1.0, 1.0), True),
        ("volume-47", (1.0, 1.0), True),
        ("volume-28", (0.7, 0.7), False),
        ("volume-27", (1.0, 1.0), False),
        ("volume-48", (1.0, 1.0), False),
        ("somebody", (1.0, 1.0), False),
    ],
)
def test_pixels_of_1_mm_are_wrong_for_28_to_47_alone(patient, in_plane, wrong):
    assert has_wrong_spacing(patient, *in_plane) is wrong
