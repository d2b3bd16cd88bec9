"""Replication rules, pure: no socket, no clock, no task. `tests/simulation` holds them."""
