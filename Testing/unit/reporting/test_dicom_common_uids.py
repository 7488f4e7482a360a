import pytest
from pydicom.uid import UID

from LiverTumorSegLib.reporting.dicom_common import UidMaker


def test_a_uid_is_one_of_the_root_for_uuids():
    found = UID(UidMaker("a")("b"))
    assert found.is_valid
    number = int(found.removeprefix("2.25."))
    assert number >> 76 & 15 == 5  # the UUID's version: made of a name


def test_equal_content_has_equal_uids_in_any_process():
    assert UidMaker("a", "b")("c") == UidMaker("a", "b")("c") == EXPECTED


EXPECTED = "2.25.281909456289484023149055125669721953226"


@pytest.mark.parametrize("other", [("b", "a"), ("a",), ("a", "b", "")])
def test_other_content_has_others(other):
    assert UidMaker(*other)("c") != UidMaker("a", "b")("c") != UidMaker("a", "b")("d")
