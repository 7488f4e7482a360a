"""Campaigns that count what the project survives: of bad input, bad models and kills, run by ``make stress``."""
