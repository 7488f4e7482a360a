import io
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.web_session import session, web_page, with_ct  # noqa: F401


def comments(jpeg):
    """The comments at a JPEG file's start, as the page reads them."""
    at, found = 2, b""
    while jpeg[at : at + 2] == b"\xff\xfe":
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found += jpeg[at + 4 : at + 2 + length]
        at += 2 + length
    return found


@pytest.mark.parametrize("length", [0, 10, 65533, 65534, 200_000])
def test_a_comment_of_any_length_leaves_the_picture_as_it_is(length):
    from LiverTumorSegLib.apps.web.session.looking.pictures import with_comment

    file = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(file, "jpeg")
    text = bytes(n % 251 for n in range(length))
    made = with_comment(file.getvalue(), text)
    assert comments(made) == text
    shown, before = (np.asarray(Image.open(io.BytesIO(each))) for each in (made, file.getvalue()))
    assert (shown == before).all()


def test_a_picture_carries_what_the_view_showed_when_it_was_drawn(with_ct):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.looking.pictures import carry

    view = with_ct.views.slices["Red"]
    kept = SimpleNamespace(encode=lambda *_: (b"\xff\xd8rest", {}, 0))
    adapter = SimpleNamespace(_scheduler=SimpleNamespace(_rca_encoder=kept))
    carry(adapter, lambda: with_ct.views.shown(view))
    with_ct.views.go_to((0.0, 0.0, 45.0))
    encode = adapter._scheduler._rca_encoder.encode
    with_ct.views.go_to((0.0, 0.0, 60.0))  # meanwhile
    content, *_ = encode(None, 1, 1, 90)
    assert json.loads(comments(content))["place"].startswith("S 45.0 mm")


def test_the_pictures_that_are_sent_carry_it(web_page, with_ct):  # noqa: F811
    import asyncio

    (factory,) = [each for each in web_page.app.view_manager._factories if each.has_view("Red")]
    adapter, sent = factory.get_factory_view("Red").view_adapter, []
    adapter.set_streamer(SimpleNamespace(push_content=lambda _name, _meta, content: sent.append(content)))
    with_ct.views.go_to((0.0, 0.0, 45.0))
    until = time.monotonic() + 60
    while not sent and time.monotonic() < until:
        asyncio.get_event_loop().run_until_complete(asyncio.sleep(0.05))
    adapter.set_streamer(None)
    assert json.loads(comments(sent[-1]))["place"].startswith("S 45.0 mm")


def test_a_picture_of_nothing_stays_nothing():
    from LiverTumorSegLib.apps.web.session.looking.pictures import PictureEncoder

    encoder = PictureEncoder(SimpleNamespace(encode=lambda *_: (b"", {}, 0)), dict)
    assert encoder.encode(None, 0, 0, 90) == (b"", {}, 0)


def test_a_picture_whose_words_cannot_be_said_is_sent_without_them(caplog):
    from LiverTumorSegLib.apps.web.session.looking.pictures import PictureEncoder

    kept = SimpleNamespace(encode=lambda *_: (b"\xff\xd8rest", {}, 0))
    for wrong in (lambda: 1 / 0, lambda: {"x": float("nan")}):
        content, *_ = PictureEncoder(kept, wrong).encode(None, 1, 1, 90)
        assert comments(content) == b"{}"
    assert len(caplog.records) == 2
