"""The harm that an attack tries to do, in a way that shows: it makes a folder."""

import os


class Payload:
    """Unpickled, it would make the folder.

    Args:
        marker: the folder.
    """

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)
