"""Deploying: what would ship, the request, and how it goes on."""
