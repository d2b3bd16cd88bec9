"""The peek: a small window at the tray's icon, for one glance."""
