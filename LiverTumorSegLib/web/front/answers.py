"""Small answers in words, for pages that cannot be shown."""

from __future__ import annotations

import html

from aiohttp import web

ENDED = "This session has ended, and what it had is deleted."
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>LiverTumorSeg</title></head>
<body><h1>LiverTumorSeg</h1>
<p>{sentence}</p>
<p><a href="/">Open a new session</a></p>
</body></html>
"""


def ended(request: web.Request) -> web.HTTPGone:
    """The answer to all requests to a session that is not there any more."""
    text, kind = _words(request, ENDED)
    return web.HTTPGone(text=text, content_type=kind)


def unavailable(request: web.Request, sentence: str) -> web.HTTPServiceUnavailable:
    """The answer where no session can be opened.

    Args:
        request: from a browser.
        sentence: why, and what to do.
    """
    text, kind = _words(request, sentence)
    return web.HTTPServiceUnavailable(text=text, content_type=kind)


def _words(request: web.Request, sentence: str) -> tuple[str, str]:
    """A page where the browser shows one, and plain text for scripts; with its type."""
    if request.method in ("GET", "HEAD"):
        return _PAGE.format(sentence=html.escape(sentence)), "text/html"
    return sentence, "text/plain"
