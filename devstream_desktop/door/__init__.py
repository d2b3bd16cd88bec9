"""The ports that strangers reach: who is let in, at what pace, and who gives way where there is no room."""
