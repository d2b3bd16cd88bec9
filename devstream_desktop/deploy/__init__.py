"""The executor: who asked for which deploy, whether it may run, running it once, and saying how it went.

    request event ──▶ judge (pure) ──▶ runs (durable claim) ──▶ executor (shell) ──▶ answer events

Everything that can be run is in this node's own targets.toml; a request only names it.
"""
