"""Reusable parts of formulations: small classes that routines combine by inheritance."""
