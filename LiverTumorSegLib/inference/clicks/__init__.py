"""Lesions segmented from clicks: the patch around them, the network's channels, and the answer on the CT's own grid."""
