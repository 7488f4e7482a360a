import sys

import pytest

from robustness.stress.campaigns import kills_cohort

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork, SIGKILL and RLIMIT_FSIZE")


def test_segment_cohort_can_be_killed_at_any_moment(tmp_path):
    tally = kills_cohort.run(2, 0, tmp_path)
    assert tally.failed == []
    assert tally.handled == 2
