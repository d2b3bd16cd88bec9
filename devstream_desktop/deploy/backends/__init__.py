"""The ways to carry out a deploy: one module each, behind the interface in `contract`."""
