"""A network whose so-manieth case loses the GPU of its process, for which nothing needs to be there."""

import os
import time

from LiverTumorSegLib.core.device_loss import mark_lost
from support.models import Thresholds


class LosesGpu(Thresholds):
    """Counts cases over all processes: each has a file in a folder, with a letter a case.

    Args:
        folder: of those files.
        at: cases, from 1 on, that lose the GPU.
        ends_at: the case that ends its process.
        hangs_at: the case that does not end by itself.
    """

    def __init__(self, folder, at, ends_at=0, hangs_at=0):
        super().__init__()
        self.folder, self.at, self.ends_at, self.hangs_at = folder, at, ends_at, hangs_at

    def __deepcopy__(self, _):
        """An engine's copy is made once for a case."""
        with (self.folder / str(os.getpid())).open("a") as cases:
            cases.write("x")
        number = count_cases(self.folder)
        if number in self.at:
            mark_lost("cuda:0")
        if number == self.ends_at:
            os._exit(1)
        if number == self.hangs_at:
            time.sleep(600)
        return self


def count_cases(folder):
    """Cases that were begun in any process."""
    return sum(len(path.read_text()) for path in folder.iterdir())
