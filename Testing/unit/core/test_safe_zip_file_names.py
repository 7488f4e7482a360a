import pytest

from LiverTumorSegLib.core.safe_zip import free_path, safe_name, safe_path


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("ct.nii.gz", "ct.nii.gz"),
        ("Bauch nativ (2).nrrd", "Bauch nativ (2).nrrd"),
        ("腹部.nii", "腹部.nii"),
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\ct.nii", "ct.nii"),
        ("..\\ct.nii", "ct.nii"),
        (".hidden", "hidden"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a\0b\nc\x1b[2J.nii", "abc[2J.nii"),
        ("\u202egz.iin", "gz.iin"),
        ("\udcff.nii", "nii"),
        ("a:b*c?.nii", "a_b_c_.nii"),
        ("NUL", "_NUL"),
        ("com1.nii.gz", "_com1.nii.gz"),
        ("contrast.nii", "contrast.nii"),
        ("ct.nii. . ", "ct.nii"),
    ],
)
def test_a_name_is_one_visible_part_that_every_system_can_write(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize("letter", ["a", "é", "腹", "🫀"])
def test_a_long_name_is_shortened_and_keeps_its_ending(tmp_path, letter):
    name = safe_name(letter * 3000 + ".nii.gz")
    assert name.endswith(letter + ".nii.gz")
    assert len(name.encode()) <= 180
    (tmp_path / name).touch()


def test_folders_in_a_name_are_kept_but_none_leads_upwards():
    assert safe_path("study/../series 1\\./.x/IM1").parts == ("study", "series 1", "x", "IM1")
    assert safe_path("/").parts == ("unnamed",)
    assert len(safe_path("a/" * 1000 + "IM1").parts) == 8


@pytest.mark.parametrize(
    ("name", "second"),
    [("ct.nii.gz", "ct (2).nii.gz"), ("IM1", "IM1 (2)"), ("1.2.840.1", "1.2.840.1 (2)"), ("a.b.dcm", "a (2).b.dcm")],
)
def test_a_name_that_is_taken_gets_a_number_before_its_ending(tmp_path, name, second):
    assert free_path(tmp_path / name) == tmp_path / name
    (tmp_path / name).touch()
    assert free_path(tmp_path / name) == tmp_path / second
    (tmp_path / second).symlink_to(tmp_path / "nowhere")
    assert free_path(tmp_path / name) == tmp_path / second.replace("(2)", "(3)")
