"""Experiments: recipes trained and measured on the same patients, fold by fold, and what comes of it side by side."""
