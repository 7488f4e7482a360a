"""Models to download: a real web server on this machine, and ZIP files for it."""

import hashlib
import http.server
import threading
import zipfile
from contextlib import contextmanager


@contextmanager
def serving(folder):
    """Serve a new folder with a real web server on this machine: the folder, and its address."""
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def pack(path, entries):
    """Write a ZIP file; returns its checksum."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_of(folder, prefix=""):
    """The entries of a folder's files for :func:`pack`."""
    return {f"{prefix}{file.name}": file.read_bytes() for file in folder.iterdir()}
