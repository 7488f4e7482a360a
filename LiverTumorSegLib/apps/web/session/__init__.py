"""A session process: a scene of its own, the panel, and the page that shows them."""
