"""Base of every error whose message is a sentence for a person.

It says what happened, what it means, what to do next.
"""


class DevstreamError(Exception):
    """Something a person can act on; the command line prints it in one line, the desk shows it."""

    exit_code = 1
    """The command's, where this ends it."""
