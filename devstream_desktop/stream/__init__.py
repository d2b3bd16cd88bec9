"""The language of devstream: events, their words, the one line, subjects, attention and search.

Pure: no I/O, no clock of its own, no Qt. Everything else may import it; it imports nothing of ours.
"""
