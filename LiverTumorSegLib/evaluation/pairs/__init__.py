"""Which files are a case, and their labels on one grid."""
