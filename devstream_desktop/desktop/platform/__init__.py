"""The session around the app: display, session bus, signals, single instance, web links."""
