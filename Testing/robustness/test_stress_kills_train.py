import sys

import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from robustness.stress.campaigns import kills_train

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork, SIGKILL and RLIMIT_FSIZE")


def test_train_can_be_killed_at_any_moment(tmp_path):
    tally = kills_train.run(2, 0, tmp_path)
    assert tally.failed == []
    assert tally.handled == 2
