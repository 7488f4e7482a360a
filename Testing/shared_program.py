"""The command line with a light worker, as in ``node_program.py``, and nodes that are soon taken for dead."""

import functools

import node_program

from LiverTumorSegLib import cli
from LiverTumorSegLib.node import serving, shared_work

if __name__ == "__main__":
    shared_work._POLL_SECONDS = shared_work._LOOK_SECONDS = 0.3
    shared_work.SharedWork = functools.partial(shared_work.SharedWork, heartbeat_seconds=0.3, silent_seconds=2)
    serving.Worker = node_program.light_worker
    cli.main()
