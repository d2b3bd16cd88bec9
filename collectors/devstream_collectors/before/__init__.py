"""Parts that collectors share: how payloads are decoded, and one shape for each sort of fact."""
