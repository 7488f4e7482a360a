"""What happens beside the steps of a training; each keeps its state in the checkpoints."""
