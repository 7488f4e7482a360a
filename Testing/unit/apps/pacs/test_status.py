import json
from datetime import timedelta

import pytest
from rich.console import Console
from support.pacs_core_cases import PacsService, series

from LiverTumorSegLib.apps.pacs import status


@pytest.fixture
def service(tmp_path):
    service = PacsService(tmp_path)
    service.take(*series("1.2.3333", 11), *series("1.2.4444", 3))
    service.queue.waits(1)
    service.queue.begin()
    service.queue.segment_again(1, "It died [of red]\x1b[2J.", timedelta(seconds=60))
    return service


def shown(queue, limit=10):
    console = Console(width=200, record=True)
    console.print(status.table(queue, limit))
    return console.export_text()


def test_a_table_shows_every_series_the_newest_first(service):
    text = shown(service.queue)
    assert text.index("│ 2 ") < text.index("│ 1 ")
    for words in ("receiving", "waiting", "SCANNER", "It died [of red]\\x1b[2J."):
        assert words in text
    assert status.counts_sentence(service.queue) == "1 receiving, 1 waiting."


def test_no_uid_is_shown(service):
    for text in (shown(service.queue), json.dumps(status.as_dict(service.queue, 10, is_running=True))):
        assert "3333" not in text
        assert "1.2.9" not in text


def test_the_same_is_there_for_programs(service):
    plain = status.as_dict(service.queue, 10, is_running=True)
    assert plain["running"] is True
    assert plain["counts"]["waiting"] == 1
    assert plain["series"][1] == {
        "job": 1,
        "state": "waiting",
        "images": 11,
        "late_images": 0,
        "from": "SCANNER",
        "came": "2026-11-22T12:00:00+00:00",
        "since": "2026-11-22T12:00:00+00:00",
        "tries": 1,
        "next_try": "2026-11-22T12:01:00+00:00",
        "sentence": "It died [of red]\x1b[2J.",
    }
    assert len(status.as_dict(service.queue, 1, is_running=False)["series"]) == 1


def test_an_empty_queue_is_said(tmp_path):
    assert status.counts_sentence(PacsService(tmp_path).queue) == "No series has come yet."
