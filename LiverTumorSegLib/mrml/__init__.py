"""Between 3D Slicer's scene and the library: the one place that knows MRML.

Everything here runs on Slicer's main thread, and needs no user interface.
"""
