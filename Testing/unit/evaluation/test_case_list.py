import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.evaluation.case_list import CaseListRow, read


@pytest.fixture
def listed(tmp_path):
    """A function that writes a list."""

    def write(content, encoding="utf-8"):
        (tmp_path / "list.csv").write_bytes(content.encode(encoding))
        return tmp_path / "list.csv"

    return write


def test_columns_come_in_any_order_and_cells_may_be_empty(listed):
    path = listed('reference , prediction,patient,image\n"r, 1.nii", p 1.nii ,Anna,\n\n,,,\nr2.nii,p2.nii\n')
    assert read(path) == [CaseListRow("p 1.nii", "r, 1.nii", patient="Anna"), CaseListRow("p2.nii", "r2.nii")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_lists_from_windows_are_read(listed, encoding):
    content = "case,prediction,reference\r\nBär,p.nii,r.nii\r\n"
    assert read(listed(content, encoding)) == [CaseListRow("p.nii", "r.nii", "Bär")]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("prediction,reference,age\np,r,60\n", r"“age” is unknown or there twice"),
        ("prediction,reference,reference\np,r,r\n", r"“reference” is unknown or there twice"),
        ("prediction;reference\np;r\n", r"“prediction;reference” is unknown .* separated by commas"),
        ("prediction,case\np,c\n", r"“reference” is missing"),
        ("", r"“prediction” is missing"),
        ("prediction,reference\n", r"lists no pairs"),
        ("prediction,reference\np,r\np,\n", r"Row 3 of .*list\.csv does not fit the header prediction,reference"),
        ("prediction,reference\np,r,x\n", r"Row 2 of .*list\.csv does not fit"),
        ("prediction,reference\np\n", r"Row 2 of .*list\.csv does not fit"),
    ],
)
def test_what_does_not_fit_is_named(listed, content, fault):
    with pytest.raises(UserError, match=fault) as caught:
        read(listed(content))
    assert "list.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_text_is_refused(listed, tmp_path):
    with pytest.raises(UserError, match=r"list\.csv cannot be read as CSV in UTF-8"):
        read(listed("prediction,reference\nBär,r\n", "latin-1"))
    with pytest.raises(UserError, match=r"cannot be read as CSV in UTF-8"):
        read(tmp_path)
