"""BLAKE2b, where `hashlib` would load OpenSSL for the functions beside it.

Each command that shows a line needs it, and OpenSSL takes a twentieth of its time.
"""

from _blake2 import blake2b

__all__ = ["blake2b"]
