"""A session process: ``python -m LiverTumorSegLib.web.page --folder FOLDER``, with what else ``--help`` names.

Its standard streams are the pipe to the front; the variable of :data:`..front.child.KEY` holds what requests carry.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..front.child import KEY
from ..unpacking import MOST_BYTES
from .link import Link


def main() -> None:
    """Serve the page until the front is gone."""
    parser = argparse.ArgumentParser(prog="LiverTumorSegLib.web.page", description="Started by livertumorseg web.")
    parser.add_argument("--folder", type=Path, required=True, help="of the session")
    parser.add_argument("--shared", type=Path, help="folder of CTs that may be opened")
    parser.add_argument("--most-bytes", type=int, default=MOST_BYTES, help="that a zip file may unpack to")
    parser.add_argument("--ct", type=Path, help="opened at once")
    chosen = parser.parse_args()
    key = os.environ.pop(KEY, "")  # nothing that is started from here gets to know it
    if not key:
        parser.error("start livertumorseg web instead")
    link = Link.of_this_process()
    from .app import PanelApp  # takes seconds, in which the front may end

    PanelApp(link, chosen.folder, shared=chosen.shared, ct=chosen.ct, most_bytes=chosen.most_bytes).run(key)


if __name__ == "__main__":
    main()
