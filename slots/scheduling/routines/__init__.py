"""Routines: complete formulations, each a few parts combined."""
