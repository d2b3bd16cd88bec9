"""How a popup reaches the screen: over D-Bus where there is a session bus, as the tray's balloon elsewhere."""
