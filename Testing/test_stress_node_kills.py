import sys

import pytest
from stress.campaigns import node_kills

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs SIGKILL")
pytest.importorskip("pynetdicom")
pytest.importorskip("aiohttp")


def test_a_node_can_be_killed_at_any_moment(tmp_path):
    tally = node_kills.run(1, 0, tmp_path)
    assert tally.failed == []
    assert tally.handled == 1
