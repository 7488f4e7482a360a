import os
import signal
import tempfile
import time

import pytest

from robustness.stress import batches
from robustness.stress.batches import Batches


def attempt(random, folder):
    """One try of each kind in ten, the others handled or refused."""
    number = random.randrange(10)
    (folder / "file").write_text("x")
    if number == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
    elif number == 1:
        msg = "some defect"
        raise ValueError(msg)
    elif number == 2:
        os.write(2, b"noise")
    elif number == 3:
        tempfile.mkstemp()
    elif number == 4:
        bytearray(1 << 34)
    return number > 7


def hanging(random, folder):
    if random.random() < 0.2:
        time.sleep(60)
    return True


@pytest.mark.parametrize("processes", ["1", "2"])
def test_every_try_counts_whatever_came_of_it(tmp_path, monkeypatch, processes):
    monkeypatch.setenv(batches.PROCESSES, processes)
    tally = Batches("some", attempt, size=40).run(100, 0, tmp_path)
    assert tally.tried == 100
    assert min(tally.handled, tally.refused) > 5
    for words in ("died with code -11", "ValueError: some defect", "printed b'noise'", "left behind", "MemoryError"):
        assert any(words in line for line in tally.failed), words
    assert tally.failed == Batches("some", attempt, size=7).run(100, 0, tmp_path).failed or processes == "2"
    assert not list(tmp_path.iterdir())


def test_a_hang_is_killed_and_the_batch_goes_on(tmp_path):
    tally = Batches("some", hanging, seconds=0.3).run(12, 1, tmp_path)
    assert tally.tried == 12
    assert 1 <= len(tally.failed) < 12
    assert all("hung" in line for line in tally.failed)


def test_a_failure_says_how_to_repeat_it(tmp_path):
    line = next(line for line in Batches("some", attempt).run(40, 3, tmp_path).failed if "defect" in line)
    assert line.startswith("some --seed 3 --only ")
    number = int(line.split("--only ")[1].split(":")[0])
    with pytest.raises(ValueError, match="some defect"):
        Batches("some", attempt).only(number, 3, tmp_path)
