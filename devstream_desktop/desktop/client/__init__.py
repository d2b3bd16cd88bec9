"""The connection to the node, its process, and the state that every widget shows."""
