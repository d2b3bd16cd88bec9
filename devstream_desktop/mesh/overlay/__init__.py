"""Choice of neighbours: known addresses, dialing, discovery on the local network."""
