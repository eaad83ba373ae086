"""Losses for unbalanced classes, and the heads that stock MMDetection cannot give them to."""
