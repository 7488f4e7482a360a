"""A warm child process that segments on request: JSON lines on its pipes, a whole line a message.

``python -m LiverTumorSegLib.apps.worker`` is the child (:mod:`.server`, :mod:`.commands`);
:class:`.client.Worker` is the side of Slicer, of scripts and of the browser panel, and needs nothing beyond Python and
numpy.
"""
