"""Collectors for each service, and the kit they are made of."""
