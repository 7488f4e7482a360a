"""What every server of this project needs: where it listens, who may come in, how it ends."""
