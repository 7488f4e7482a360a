"""Trained models: their description, their folder, where they are kept and how they are downloaded."""
