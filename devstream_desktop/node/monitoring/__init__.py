"""A node seen by programs: `/health` and `/metrics` on a port of their own."""
