"""Shows what a detector attends to, and which features speak for a detection."""
