"""A file a campaign: ``TRIES`` that ``make stress`` makes, and ``run(tries, seed, folder)`` for the tally of them."""
