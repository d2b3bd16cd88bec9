"""The signed policy: its documents, their chain, changes of it, and the author table."""
