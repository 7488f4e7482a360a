"""A service beside a PACS: CT series come in, segmentations and measurements go back."""
