"""Odd and bad DICOM folders, made by code, each with what has to come of it."""
