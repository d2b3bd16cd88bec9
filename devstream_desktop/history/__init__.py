"""What this node knows: the log that travels, and the lines that are read.

One writer, any number of readers.
"""
