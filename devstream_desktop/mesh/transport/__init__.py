"""Connections between nodes: the only part of the mesh that knows nng and TLS."""
