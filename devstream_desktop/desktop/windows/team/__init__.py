"""The team window and its dialogs."""
