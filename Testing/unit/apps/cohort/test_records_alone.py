import signal

import pytest
from support.cohort_cases import start

from LiverTumorSegLib.apps.cohort import Rank
from LiverTumorSegLib.apps.cohort.records import exclusive_run
from LiverTumorSegLib.core.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from LiverTumorSegLib.apps.cohort import Rank
from LiverTumorSegLib.apps.cohort.records import exclusive_run
with exclusive_run(Path(sys.argv[1]), Rank(0, 1)):
    print("at work", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("second", [Rank(1, 3), Rank(0, 2), Rank(0, 1)])
def test_the_same_share_or_another_number_of_ranks_is_refused(tmp_path, second):
    with exclusive_run(tmp_path / "out", Rank(1, 3)):
        with (
            pytest.raises(UserError, match="is being written to by another run"),
            exclusive_run(tmp_path / "out", second),
        ):
            pytest.fail("both are at work")
        with exclusive_run(tmp_path / "out", Rank(0, 3)), exclusive_run(tmp_path / "out", Rank(2, 3)):
            pass
    with exclusive_run(tmp_path / "out", second):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_was_killed_is_in_nobodys_way(tmp_path):
    held = start(tmp_path, code=HOLD)
    assert held.stdout.readline() == "at work\n"
    with pytest.raises(UserError, match="another run"), exclusive_run(tmp_path, Rank(0, 1)):
        pass
    held.send_signal(signal.SIGKILL)
    held.communicate()
    with exclusive_run(tmp_path, Rank(0, 1)):
        assert len(list((tmp_path / ".cohort").iterdir())) == 1


def test_what_is_in_the_folder_stays(tmp_path):
    (tmp_path / "labels.nrrd").touch()
    with exclusive_run(tmp_path, Rank(0, 1)):
        assert len(list((tmp_path / ".cohort").iterdir())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["labels.nrrd"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file cannot be written to"), exclusive_run(tmp_path / "file", Rank(0, 1)):
        pass
