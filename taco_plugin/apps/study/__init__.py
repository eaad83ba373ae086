"""Runs a study: trains, chooses, tests and compares several detectors, over several seeds."""
