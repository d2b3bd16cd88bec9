"""The connection to the node, its process, and the shown state."""
