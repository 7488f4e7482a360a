"""Segmentation of a volume by a trained model."""
