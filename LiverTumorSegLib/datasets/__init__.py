"""Data sets for training and evaluation, always grouped by patient."""
