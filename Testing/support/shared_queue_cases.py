"""A shared queue in a PostgreSQL of a test module's own."""

import psycopg
import pytest

from LiverTumorSegLib.apps.pacs.shared_queue import SharedQueue
from support import postgres_server

SERIES = [f"1.2.826.0.1.3680043.8.498.{number}" for number in range(10)]
STUDY = "1.2.826.0.1.3680043.8.498.99"


@pytest.fixture(scope="module")
def server():
    with postgres_server.serving() as server:
        yield server


@pytest.fixture
def database(server):
    return server.database()


@pytest.fixture
def shared(database):
    shared = SharedQueue(database)
    shared.prepare()
    return shared


def jobs(database):
    """Series and state of each task, in their order."""
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT lock, status::text FROM procrastinate_jobs ORDER BY id").fetchall()
