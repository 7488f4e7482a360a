"""A session process: ``python -m LiverTumorSegLib.apps.web.session --folder FOLDER``, with what else ``--help`` names.

Its standard streams are the pipe to the server; the variable of :data:`..server.session_process.KEY_VARIABLE` holds
what requests carry.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ....core.safe_zip import MOST_BYTES
from ..server.session_process import KEY_VARIABLE
from .server_link import ServerLink


def main() -> None:
    """Serve the page until the front is gone."""
    parser = argparse.ArgumentParser(
        prog="LiverTumorSegLib.apps.web.session", description="Started by livertumorseg web."
    )
    parser.add_argument("--folder", type=Path, required=True, help="of the session")
    parser.add_argument("--shared", type=Path, help="folder of CTs that may be opened")
    parser.add_argument("--most-bytes", type=int, default=MOST_BYTES, help="that a zip file may unpack to")
    parser.add_argument("--ct", type=Path, help="opened at once")
    chosen = parser.parse_args()
    key = os.environ.pop(KEY_VARIABLE, "")  # nothing that is started from here gets to know it
    if not key:
        parser.error("start livertumorseg web instead")
    link = ServerLink.of_this_process()
    from .app import PanelApp  # takes seconds, in which the front may end

    PanelApp(link, chosen.folder, shared=chosen.shared, ct=chosen.ct, most_bytes=chosen.most_bytes).run(key)


if __name__ == "__main__":
    main()
