"""Models of nnU-Net: what their folders say, and how they become folders of this program."""
