"""Lesions of a prediction matched with those of a reference."""
