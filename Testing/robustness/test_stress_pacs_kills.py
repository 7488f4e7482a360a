import itertools
import sys

import pytest
from support.pacs_core_cases import series
from support.pacs_stand_in_worker import KINDS, made_of

from robustness.stress.campaigns import pacs_kills

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs SIGKILL")
pytest.importorskip("pynetdicom")
pytest.importorskip("aiohttp")


def test_a_service_can_be_killed_at_any_moment(tmp_path):
    tally = pacs_kills.run(1, 0, tmp_path)
    assert tally.failed == []
    assert tally.handled == 1


def test_results_that_are_stored_twice_or_made_anew_with_other_uids_are_seen(tmp_path):
    first, later = "2026-11-22T12:00:00+00:00", "2026-11-22T12:00:01+00:00"
    with pacs_kills.counting(tmp_path) as (archive, stored):
        for uid, times in {"1.2.3": [first], "1.2.4": [first, first], "1.2.5": [first, later]}.items():
            for made, kind in itertools.product(times, KINDS):
                made_of(series(uid, 11), made, kind).save_as(tmp_path / "object.dcm", enforce_file_format=True)
                archive.store(tmp_path / "object.dcm")
        tally = pacs_kills.judged(["1.2.3", "1.2.4", "1.2.5"], archive, stored(), [])
    assert tally.handled == 1
    assert [line[:5] for line in tally.failed] == ["1.2.4", "1.2.5"]
