"""Predicts litter in photographs, videos and streams with a trained detector."""
