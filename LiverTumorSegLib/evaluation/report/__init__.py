"""The page, pictures and tables of an evaluation."""
