"""``python -m LiverTumorSegLib.cli`` is the command ``livertumorseg``."""

from . import main

main()
