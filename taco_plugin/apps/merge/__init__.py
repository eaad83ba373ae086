"""One annotation file of several."""
