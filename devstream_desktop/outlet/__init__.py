"""Outlets: the stream, or what a search finds of it, posted to another service.

Opt-in, and one way: nothing that an outlet is answered is read beyond its status, and a deploy
request never leaves by it.
"""
