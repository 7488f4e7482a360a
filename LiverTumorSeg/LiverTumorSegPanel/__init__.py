"""The sections of the panel, and the logic that scripts call."""
