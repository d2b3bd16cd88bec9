"""The desk of one person: preferences, and what was shown and seen. No Qt, no node."""
