"""The parts of the page beside the views: each builds its widgets once, and shows what has changed."""
