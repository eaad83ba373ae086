"""Searches for settings of a config with Optuna, and trains each trial in a process of its own."""
