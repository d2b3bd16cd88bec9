"""The collector's front door: what comes in by webhook, poll or command becomes events. It imports `stream` and `home` alone."""
