"""Training a network for clicks: lesions to click into, patches of them, and a reader that is simulated."""
