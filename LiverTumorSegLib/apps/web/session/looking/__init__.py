"""What a reader sees and asks in the slice views beside the CT: places, numbers, diameters and measurements."""
