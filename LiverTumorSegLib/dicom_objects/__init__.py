"""DICOM Segmentation and Structured Report of a segmented CT series."""
