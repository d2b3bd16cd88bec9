"""The ports that strangers reach: TLS, pace, and limits."""
