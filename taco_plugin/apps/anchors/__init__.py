"""Anchors, and how well they meet the boxes of a data set."""
