"""Words of others where Qt would look for tags by itself, and obey them."""

import html


def plain(words: str) -> str:
    """Plain words as rich text that shows them as they are; no words stay none."""
    return f"<qt>{html.escape(words, quote=False)}</qt>" if words else ""
