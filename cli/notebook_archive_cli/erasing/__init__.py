"""Erase the archived notebooks of a person."""
