import sys

import pytest

from robustness.stress.campaigns import kills_evaluate

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork, SIGKILL and RLIMIT_FSIZE")


def test_evaluate_can_be_killed_at_any_moment(tmp_path):
    tally = kills_evaluate.run(2, 0, tmp_path)
    assert tally.failed == []
    assert tally.handled == 2
