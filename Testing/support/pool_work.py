"""Work for processes of a pool, which import it by its name."""

import os
import signal
import time
from pathlib import Path

from LiverTumorSegLib.core.errors import UserError


def double(number):
    return 2 * number


def stumble(number):
    if number == 1:
        msg = "one.nii cannot be read: get it again."
        raise UserError(msg)
    if number == 2:
        raise MemoryError
    return number


def die(number):
    if number == 1:
        os._exit(9)
    return number


def linger(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)


def press(number):
    """Ctrl-C in the process itself, as a terminal sends it to all of a group."""
    os.kill(os.getpid(), signal.SIGINT)
    return number


def fail(number):
    if number == 1:
        msg = "a mistake"
        raise ZeroDivisionError(msg)
    return number
