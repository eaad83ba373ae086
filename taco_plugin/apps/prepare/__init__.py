"""Training, validation and test files from TACO's own annotations."""
