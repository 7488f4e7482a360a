"""Runs a 3D Slicer scripted module unchanged on PySide6, with a real MRML scene from slicer-core and without Slicer.

It proves that the module's Python loads, that its .ui names widgets, properties and signals that exist, that clicks
and scene events lead to the right MRML, that parameters survive saving and reloading, and that nothing raises on the
way. It does not prove how the real qMRML and ctk widgets look or behave in detail, nor readers and writers, layouts,
the module factory, translations, packaging, or another operating system: those need a real Slicer. Pictures made with
it are of a test harness and have to say so.
"""
