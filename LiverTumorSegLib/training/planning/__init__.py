"""nnU-Net's plans: from a data set's fingerprint to the patches and the network that it would choose."""
