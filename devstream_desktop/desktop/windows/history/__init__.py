"""The history window: live rows, search while typing, and the details of one row."""
