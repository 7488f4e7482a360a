"""The command line, as one of several processes of which one comes to grief in the middle of a training.

Its arguments: RANK fail|cancel|vanish COMMAND...
"""

import os
import signal
import sys

from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken

RANK, WHAT = sys.argv[1:3]
_AFTER = 5


def check(token, calls=[]):  # noqa: B006, it is there to be changed
    calls.append(token)
    if len(calls) < _AFTER or os.environ["RANK"] != RANK:
        return
    if WHAT == "fail":
        msg = f"Rank {RANK} has had enough."
        raise UserError(msg)
    if WHAT == "cancel":
        raise Cancelled
    os.kill(os.getpid(), signal.SIGKILL)


CancelToken.check = check
sys.argv[:3] = ["livertumorseg"]
cli.main()
