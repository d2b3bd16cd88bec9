"""History of this node: the log that travels, and the lines that are read.

It has one writer and any number of readers.
"""
