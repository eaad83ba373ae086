"""Compares runs by what they wrote."""
