"""Intake of facts: webhooks, polls, files and commands become events of the stream."""
