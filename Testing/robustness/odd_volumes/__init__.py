"""Bad and odd CTs, made by code: a file a kind of oddity, each case with what has to come of it."""
