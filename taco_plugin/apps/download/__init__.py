"""Fetches TACO's photographs, and checks every one of them."""
