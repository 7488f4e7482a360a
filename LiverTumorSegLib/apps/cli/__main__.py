"""``python -m LiverTumorSegLib.apps.cli`` is the command ``livertumorseg``."""

from . import main

main()
