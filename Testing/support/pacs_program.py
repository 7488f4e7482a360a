"""The command line with a light worker: what tests start as a service, and kill."""

import sys

from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.apps.pacs import service
from LiverTumorSegLib.apps.worker.client import Worker
from support.repository import SUPPORT

STAND_IN = SUPPORT / "pacs_stand_in_worker.py"


def light_worker(**options):
    return Worker([sys.executable, str(STAND_IN)], **options)


if __name__ == "__main__":
    service.Worker = light_worker
    cli.main()
