"""The embedded sample dataset: litter on the ground, drawn instead of photographed."""
