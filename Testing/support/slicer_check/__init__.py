"""Checks of the module in a running 3D Slicer that need no eyes; ``Testing/slicer_check.py`` runs them."""
