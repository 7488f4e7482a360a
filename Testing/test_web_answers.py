import pytest
from aiohttp.test_utils import make_mocked_request

from LiverTumorSegLib.web.front import answers


def test_a_browser_is_shown_a_page_and_a_script_a_sentence():
    page, words = (answers.unavailable(make_mocked_request(method, "/"), "A <b> & c.") for method in ("GET", "PUT"))
    assert (page.status, page.content_type) == (503, "text/html")
    assert "<p>A &lt;b&gt; &amp; c.</p>" in page.text
    assert (words.status, words.content_type, words.text) == (503, "text/plain", "A <b> & c.")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_session_that_has_ended_is_gone(method):
    answer = answers.ended(make_mocked_request(method, "/"))
    assert answer.status == 410
    assert answers.ENDED in answer.text
