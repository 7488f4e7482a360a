import numpy as np
import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import nrrd_metaimage, volumes

NRRD = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "4 3 2",
    "space directions": "(0.5,0,0) (0,0.75,0) (0,0,2)",
    "encoding": "raw",
    "endian": "little",
    "space origin": "(-10,-20,30)",
}
METAIMAGE = {
    "NDims": "3",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "-10 -20 30",
    "ElementSpacing": "0.5 0.75 2",
    "DimSize": "4 3 2",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}
VOXELS = np.arange(-100, -76, dtype="<i2")
AFFINE = [[-0.5, 0, 0, 10], [0, -0.75, 0, 20], [0, 0, 2, 30], [0, 0, 0, 1]]
UNREADABLE = "states sizes or a geometry that cannot be read as numbers: correct its header"
UNPLACED = "does not say how the patient lies"


def write(path, voxels=VOXELS, **changes):
    """A header and its voxels; underscores of a field's name stand for blanks, None leaves it out."""
    is_nrrd = path.suffix == ".nrrd"
    fields = (NRRD if is_nrrd else METAIMAGE) | {key.replace("_", " "): value for key, value in changes.items()}
    between = ": " if is_nrrd else " = "
    lines = [f"{key}{between}{value}" for key, value in fields.items() if value is not None]
    text = "\n".join(["NRRD0005", *lines, "", ""] if is_nrrd else [*lines, ""])
    path.write_bytes(text.encode() + voxels.tobytes())
    return path


@pytest.mark.parametrize("name", ["ct.nrrd", "ct.mha"])
def test_a_sound_header_is_read_without_a_warning(tmp_path, name):
    stored = volumes.read_stored(write(tmp_path / name))
    assert stored.affine == pytest.approx(np.array(AFFINE))
    assert stored.warnings == ()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ct.mha", {"Offset": "x 0 0"}),
        ("ct.mha", {"Offset": "-10 -20"}),
        ("ct.mha", {"TransformMatrix": "1 0 0 0 1 0"}),
        ("ct.mha", {"DimSize": "4 3"}),
        ("ct.nrrd", {"space_directions": "none none none"}),
        ("ct.nrrd", {"sizes": f"{2**64 + 4} 3 2"}),
    ],
)
def test_numbers_that_itk_takes_for_others_are_refused(tmp_path, name, changes):
    with pytest.raises(UserError, match=UNREADABLE):
        volumes.read_stored(write(tmp_path / name, **changes))


@pytest.mark.parametrize("unit", ["m", "um", "inch", "\u00b5m"])
def test_other_units_than_millimetres_are_refused(tmp_path, unit):
    units = " ".join([f'"{unit}"'] * 3)
    with pytest.raises(UserError, match=r"states lengths in .*, not in mm: export it in mm"):
        volumes.read_stored(write(tmp_path / "ct.nrrd", space_units=units))
    assert volumes.read_stored(write(tmp_path / "ct.nrrd", space_units='"mm" "mm" "mm"')).warnings == ()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ct.nrrd", {"space": None, "space directions": None, "space origin": None, "spacings": "0.5 0.75 2"}),
        ("ct.nrrd", {"space": "scanner-xyz"}),
        ("ct.mha", {"TransformMatrix": None}),
    ],
)
def test_a_file_that_does_not_place_the_patient_is_warned_about(tmp_path, name, changes):
    (sentence,) = volumes.read_stored(write(tmp_path / name, **changes)).warnings
    assert UNPLACED in sentence


def test_more_voxels_than_a_file_can_hold_are_refused_before_memory_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(nrrd_metaimage.np, "empty", lambda *_: pytest.fail("memory was asked for"))
    for name, sizes in (("ct.nrrd", {"sizes": "1000 1000 1000"}), ("ct.mha", {"DimSize": "1000 1000 1000"})):
        with pytest.raises(UserError, match=rf"{name} ends too early for the 1000 x 1000 x 1000 voxels it states"):
            volumes.read_stored(write(tmp_path / name, **sizes))


def test_a_fourth_axis_of_one_has_no_place(tmp_path):
    changes = {"dimension": "4", "sizes": "4 3 2 1", "kinds": "domain domain domain list"}
    changes["space_directions"] = "(0.5,0,0) (0,0.75,0) (0,0,2) none"
    assert volumes.read_stored(write(tmp_path / "ct.nrrd", **changes)).affine == pytest.approx(np.array(AFFINE))
    matrix = " ".join(str(number) for number in np.eye(4, dtype=int).ravel())
    changes = {"NDims": "4", "DimSize": "4 3 2 1", "TransformMatrix": matrix, "Offset": "-10 -20 30 7"}
    stored = volumes.read_stored(write(tmp_path / "ct.mha", **changes, ElementSpacing="0.5 0.75 2 1"))
    assert stored.affine == pytest.approx(np.array(AFFINE))
    assert stored.values.shape == (2, 3, 4)
