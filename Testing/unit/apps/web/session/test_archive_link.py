import asyncio

import pytest

from LiverTumorSegLib.apps.web.session.archive_link import ArchiveLink, KnownArchive, Stopped
from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("trame_slicer")


def asked(answers, stop=False):
    """What came of a question: the server answers with some messages, or the user stops it."""
    sent, told = [], []

    async def ask():
        link = ArchiveLink(sent.append)
        question = asyncio.ensure_future(link.ask("search", told.append, at=2))
        await asyncio.sleep(0)
        if stop:
            link.stop()
        for answer in answers:
            link.take(answer)
        return await asyncio.wait_for(question, 5)

    return asyncio.run(ask()), sent, told


def test_a_question_is_answered_by_the_message_of_its_number():
    others = [{"archive": 7, "result": {}}, {"archive": "1", "result": {}}, {"id": 1}]
    answer, sent, told = asked([*others, {"archive": 1, "says": "Fetching 1 of 2"}, {"archive": 1, "result": {"a": 1}}])
    assert answer == {"a": 1}
    assert sent == [{"archive": 1, "do": "search", "with": {"at": 2}}]
    assert told == ["Fetching 1 of 2"]


def test_a_sentence_of_the_server_is_an_error():
    with pytest.raises(UserError, match="refuses"):
        asked([{"archive": 1, "error": "The archive refuses."}, {"archive": 1, "result": {}}])


def test_what_is_stopped_has_no_answer():
    with pytest.raises(Stopped):
        asked([{"archive": 1, "result": {}}], stop=True)


def test_the_archives_are_known_by_their_place():
    async def open_link():
        link = ArchiveLink(lambda _: None)
        opening = asyncio.ensure_future(link.open())
        await asyncio.sleep(0)
        link.take({"archive": 1, "result": {"archives": [{"name": "A", "search": True, "send": False}]}})
        await opening
        return link.archives

    assert asyncio.run(open_link()) == (KnownArchive(0, "A", search=True, send=False),)
