"""devstream: one sparse, live, peer-to-peer stream of what a team ships and breaks."""

__version__ = "0.1.0"
