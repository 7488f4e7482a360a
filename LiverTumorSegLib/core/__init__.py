"""Foundations that every other package stands on: volumes, labels, devices, progress, errors and whole files."""
