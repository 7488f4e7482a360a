import pytest

from LiverTumorSegLib.io.dicom_header import is_nested_too_deep

SEQUENCE = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
BEGIN, END = b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\x0d\xe0\0\0\0\0"


@pytest.mark.parametrize(("depth", "expected"), [(1, False), (50, False), (51, True), (20_000, True)])
@pytest.mark.parametrize("closed", [True, False])
def test_items_in_items_are_counted(tmp_path, depth, expected, closed):
    (tmp_path / "a").write_bytes((SEQUENCE + BEGIN) * depth + END * depth * closed)
    assert is_nested_too_deep(tmp_path / "a") is expected


def test_items_side_by_side_are_not_deep(tmp_path):
    (tmp_path / "a").write_bytes(SEQUENCE + (BEGIN + END) * 1000)
    assert not is_nested_too_deep(tmp_path / "a")
