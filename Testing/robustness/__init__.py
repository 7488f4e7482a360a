"""Tests of what must not break the program: odd files, attacks, kills, full disks, load."""
