"""Popups: over D-Bus where there is a session bus, as the tray icon's balloon elsewhere."""
