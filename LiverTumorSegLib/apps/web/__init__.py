"""The panel in a browser, without 3D Slicer: a front that everybody talks to, and a process a session."""
