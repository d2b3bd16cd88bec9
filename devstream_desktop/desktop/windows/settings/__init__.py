"""The settings window: every setting is a line of desk.toml or settings.toml."""
