"""What the project survives, counted: campaigns of bad input, bad models and kills, run by ``make stress``."""
