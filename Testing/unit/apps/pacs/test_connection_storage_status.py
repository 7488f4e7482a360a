"""The meaning of the standard's statuses of storing to a service: there, later, or never."""

import pytest

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")

from LiverTumorSegLib.apps.pacs.connection import Rejected, Unreachable, raise_for_status


@pytest.mark.parametrize("status", [0x0000, 0x0111])
def test_it_is_there(status, caplog):
    raise_for_status(status, "SEG")
    assert caplog.text == ""


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007, 0xBFFF, 0x0001, 0x0107, 0x0116])
def test_it_is_there_with_a_warning(status, caplog):
    raise_for_status(status, "SEG")
    assert f"a SEG, with a warning (status {status:04X})" in caplog.text


@pytest.mark.parametrize("status", [0xA700, 0xA701, 0xA7FF, 0x0110, 0x0124])
def test_it_may_be_there_later(status):
    with pytest.raises(Unreachable, match=f"does not store a SR .status {status:04X}"):
        raise_for_status(status, "SR")


@pytest.mark.parametrize(
    "status", [0xA6FF, 0xA800, 0xA900, 0xA9FF, 0xC000, 0xCFFF, 0x0112, 0x0117, 0x0122, 0xFE00, 0x7777]
)
def test_it_never_will_be(status):
    with pytest.raises(Rejected):
        raise_for_status(status, "SEG")
