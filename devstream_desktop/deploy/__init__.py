"""The executor: judge deploy requests, run each accepted one once, report how it went.

    request event ──▶ judge (pure) ──▶ runs (durable claim) ──▶ back end ──▶ answer events

Everything that can be run is in this node's own targets.toml; a request only names it.
"""
