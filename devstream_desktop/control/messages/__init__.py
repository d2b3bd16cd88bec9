"""Every request and answer between a node and its screens and scripts, a module for each subject; `control/wire.py` is their wire form."""
