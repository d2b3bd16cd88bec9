"""The team page: who is in, who may do what, who wants in, and what waits for a second admin."""
