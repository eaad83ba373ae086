"""Finds a learning rate by a short training in which it rises."""
