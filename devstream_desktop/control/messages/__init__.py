"""Messages between a node and its clients, a module for each subject.

`control/wire.py` is their wire form.
"""
