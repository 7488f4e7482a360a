import sys

import pytest

from robustness.stress import kills
from robustness.stress.campaigns import kills_segment
from robustness.stress.kills import Command
from robustness.stress.small_cases import save_cts, save_model

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork, SIGKILL and RLIMIT_FSIZE")


def test_segment_can_be_killed_at_any_moment(tmp_path):
    tally = kills_segment.run(3, 0, tmp_path)
    assert tally.failed == []
    assert tally.handled == 3


def test_files_that_are_written_in_place_would_be_found(tmp_path):
    ct, model = save_cts(tmp_path / "cts", 1) / "volume-0.nii.gz", save_model(tmp_path / "tiny")
    words = ("segment", str(ct), "-o", "labels.nii.gz", "-m", str(model), "--device", "cpu")
    tally = kills.run(6, 0, tmp_path, [Command(words, loads=("robustness.stress.planted",))])
    assert any("labels.nii.gz is neither absent nor whole" in line for line in tally.failed), tally
