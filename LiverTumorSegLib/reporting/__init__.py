"""Lesion measurements and the reports made of them: pages, pictures, DICOM Segmentation and Structured Report."""
