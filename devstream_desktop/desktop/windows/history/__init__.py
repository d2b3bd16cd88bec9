"""The history window: rows as they come, search as you type, and all there is to know about one."""
