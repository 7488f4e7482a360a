"""The command line with a light worker, as in ``pacs_program.py``, and services that are soon taken for dead."""

import functools

from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.apps.pacs import service, shared_work
from support import pacs_program

if __name__ == "__main__":
    shared_work._POLL_SECONDS = shared_work._LOOK_SECONDS = 0.3
    shared_work.SharedWork = functools.partial(shared_work.SharedWork, heartbeat_seconds=0.3, silent_seconds=2)
    service.Worker = pacs_program.light_worker
    cli.main()
