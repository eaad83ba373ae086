"""Fits the anchors of a detector to the boxes of a data set."""
