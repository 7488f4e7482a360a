"""Input full of identifiers, and a search for them in whatever is written."""
