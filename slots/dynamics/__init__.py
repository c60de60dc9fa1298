"""Frequency dynamics of a schedule: AC operating point, time-domain simulation, and ANDES beside it."""
