"""The five published systems: their figures, their recipes, and both trained and measured again."""
