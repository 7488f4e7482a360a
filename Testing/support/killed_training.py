"""Trains a recipe once without a break, and once killed at random moments and gone on with each time.

``python killed_training.py RECIPE DATA FOLDER SEED`` writes ``FOLDER/unbroken`` and ``FOLDER/broken``, and prints how
each process that trained the second ended. Processes are forks of this one, which has loaded everything.
"""

import json
import os
import random
import signal
import sys
from pathlib import Path

import torch

from LiverTumorSegLib.training import checkpoints
from LiverTumorSegLib.training.checkpoints import CHECKPOINTS, unfinished_log
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.recipe import load


def main(recipe, data, folder, seed):
    plan, chance = load(Path(recipe)), random.Random(int(seed))
    unbroken, broken = Path(folder) / "unbroken", Path(folder) / "broken"

    def train(model, prepare, resume=False):
        return forked(lambda: (prepare(), fit(plan, Path(data), model, command="", resume=resume)))

    counted = Path(folder) / "calls"
    assert train(unbroken, lambda: count_calls(counted)) == 0
    calls = int(counted.read_text())
    moments = [chance.randrange(calls // 4, calls // 2), *(chance.randrange(calls // 6, calls // 3) for _ in range(2))]
    ended = [train(broken, lambda: kill_after(moments[0]))]
    ended.append(train(broken, kill_while_writing, resume=True))
    ended += [train(broken, lambda moment=moment: kill_after(moment), resume=True) for moment in moments[1:]]
    halve_newest(broken)
    ended.append(train(broken, lambda: None, resume=True))
    print(json.dumps(ended))


def forked(work):
    """Exit code of a fork that does the work; minus the signal where one killed it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after(calls):
    """Kill this process at its so-manieth call of a function of Lightning, PyTorch or this library."""
    left = calls

    def count(frame, event, _argument):
        nonlocal left
        left -= event == "call" and is_counted(frame)
        if left <= 0:
            kill()

    sys.setprofile(count)


def is_counted(frame):
    return any(part in frame.f_code.co_filename for part in ("lightning", "torch", "LiverTumorSegLib"))


def count_calls(into):
    """Write how many calls there were whenever the log is written, the last of which is at the end."""
    calls = 0

    def count(frame, event, _argument):
        nonlocal calls
        calls += event == "call" and is_counted(frame)
        if event == "return" and frame.f_code.co_name == "on_train_end":
            into.write_text(str(calls))  # several callbacks have one

    sys.setprofile(count)


def kill_while_writing():
    """Kill this process with half of its second checkpoint written."""
    whole, written = torch.save, []

    def save(content, file):
        whole(content, file)
        written.append(file)
        if len(written) == 2:
            file.truncate(file.tell() // 2)
            kill()

    torch.save = save


def halve_newest(model):
    """Damage the newest checkpoint under its own name."""
    newest = checkpoints.newest_first(unfinished_log(model) / CHECKPOINTS)[0]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])


if __name__ == "__main__":
    main(*sys.argv[1:])
