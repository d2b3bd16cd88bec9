"""Names of environments: one for each, however a source writes it."""

from __future__ import annotations

from functools import lru_cache

PRODUCTION = "production"
_SAME = {
    "prod": PRODUCTION,
    "prd": PRODUCTION,
    "stage": "staging",
    "stg": "staging",
    "dev": "development",
}
"""Short names of sources and people, each with its full one."""


@lru_cache(maxsize=1024)
def environment_name(text: str) -> str:
    """Return the name under which an environment is kept and asked for.

    `Prod` and `production` are one environment, and so one column of the board.
    """
    name = text.casefold()
    return _SAME.get(name, name)
