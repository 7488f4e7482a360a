"""Model folders, archives, weights and recipes from somebody who means harm: a function an attack, by name."""
