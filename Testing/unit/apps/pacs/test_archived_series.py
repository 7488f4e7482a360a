"""Times and UIDs of archives' answers are taken as far as they are well-formed."""

import pytest

from LiverTumorSegLib.apps.pacs.archived_series import is_uid, stated_time


@pytest.mark.parametrize(
    ("day", "time", "stated"),
    [
        ("20261122", "130501.250000", "20261122130501"),
        ("20261122", "1305", "202611221305"),
        ("20261122", "", "20261122"),
        ("20261122", "noon", "20261122"),
        ("2026.11.22", "130501", ""),
        ("", "130501", ""),
    ],
)
def test_a_time_is_as_long_as_what_is_stated(day, time, stated):
    assert stated_time(day, time) == stated


@pytest.mark.parametrize(
    ("text", "is_one"), [("1.2.3", True), ("1.2/..", False), ("1." + "2" * 63, False), ("", False)]
)
def test_only_a_uid_is_one(text, is_one):
    assert is_uid(text) is is_one
