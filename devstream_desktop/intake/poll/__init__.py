"""Pollers: services over HTTP, git repositories and log files."""
