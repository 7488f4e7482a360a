"""CT volumes, label maps and DICOM, from files and to files."""
