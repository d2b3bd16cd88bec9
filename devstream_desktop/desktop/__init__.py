"""The screen: tray, popups, history window, deploy dialog. The only room that knows Qt; a client of its node and nothing more."""
