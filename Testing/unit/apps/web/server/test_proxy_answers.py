import pytest
from aiohttp.test_utils import make_mocked_request

from LiverTumorSegLib.apps.web.server import proxy


def test_a_browser_is_shown_a_page_and_a_script_a_sentence():
    page, words = (
        proxy.session_unavailable(make_mocked_request(method, "/"), "A <b> & c.") for method in ("GET", "PUT")
    )
    assert (page.status, page.content_type) == (503, "text/html")
    assert "<p>A &lt;b&gt; &amp; c.</p>" in page.text
    assert (words.status, words.content_type, words.text) == (503, "text/plain", "A <b> & c.")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("fate", proxy.Fate)
def test_a_session_that_has_ended_is_gone(method, fate):
    answer = proxy.session_ended(make_mocked_request(method, "/"), fate)
    assert answer.status == 410
    assert fate.value in answer.text
