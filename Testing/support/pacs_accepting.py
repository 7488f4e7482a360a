"""A C-STORE service that answers as a test says."""

import threading
from contextlib import contextmanager
from socketserver import BaseServer

import pynetdicom


@contextmanager
def answering(status, contexts=(), find=None, **more):
    """A C-STORE service that gives this status, or, being a function, whatever it makes of the event."""
    entity = pynetdicom.AE("ORTHANC")
    for context in contexts or pynetdicom.AllStoragePresentationContexts:
        entity.add_supported_context(getattr(context, "abstract_syntax", context), **more)
    got = []

    def store(event):
        got.append(event.request.AffectedSOPInstanceUID)
        return status(event) if callable(status) else status

    handlers = [(pynetdicom.evt.EVT_C_STORE, store)] + ([(pynetdicom.evt.EVT_C_FIND, find)] if find else [])
    server = entity.make_server(("127.0.0.1", 0), evt_handlers=handlers)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server.socket.getsockname()[1], got
    BaseServer.shutdown(server)
    server.server_close()
