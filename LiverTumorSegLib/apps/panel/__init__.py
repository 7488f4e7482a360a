"""The panel that 3D Slicer and the browser share: its states, texts and jobs, and the MRML nodes it fills."""
