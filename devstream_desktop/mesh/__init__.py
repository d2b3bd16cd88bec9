"""Peers: finding them, talking to them, and the rules by which signed feeds reach every node."""
