"""The command line with a light worker: what tests start as a node, and kill."""

import sys
from pathlib import Path

from LiverTumorSegLib import cli
from LiverTumorSegLib.node import serving
from LiverTumorSegLib.worker.client import Worker

STAND_IN = Path(__file__).with_name("node_stand_in_worker.py")


def light_worker(**options):
    return Worker([sys.executable, str(STAND_IN)], **options)


if __name__ == "__main__":
    serving.Worker = light_worker
    cli.main()
