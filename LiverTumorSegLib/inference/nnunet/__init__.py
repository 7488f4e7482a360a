"""Segmentation by networks that come from nnU-Net, as nnU-Net would do it, without it."""
