"""Sources as configured: `sources.toml`, options and secrets."""
