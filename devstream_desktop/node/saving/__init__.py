"""A home saved to one file, and made again from it."""
