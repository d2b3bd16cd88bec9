"""The desktop app: tray, popups and windows.

The only room that knows Qt. It is a client of its node: `client/` has the connection and the state,
`app.py` sends what the windows ask, and no other part knows the connection.
"""
