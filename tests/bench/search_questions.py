"""Questions to a search: words as one types them, with every filter of the language."""

from __future__ import annotations

import random

from sample import ENVIRONMENTS, PEOPLE, SERVICES, STATES, vocabulary

from devstream_desktop.stream.query import Query
from devstream_desktop.stream.query_text import parse_query
from devstream_desktop.stream.seen import Seen

FILTERS = (
    *("kind:build", "kind:deploy", "kind:change", "k:ticket", "kind:source"),
    *("env:production", "environment:preview", "e:nowhere", "kind:incident env:staging"),
    *("service:shop", "s:cart", "service:none", "kind:deploy service:mail env:production"),
    *("state:failed", "state:pushed", "state:in_progress", "state:locked", "state:passed"),
    *("state:fixed", 'state:"still failing"', "fixed", "firing again", "reported late"),
    *("actor:ana", "actor:nobody", "branch:main", "branch:release/7"),
    *("severity:warning", "severity:critical"),
    *("is:red", "is:open", "is:mine", "is:unseen", "is:claimed", "is:red is:unseen"),
    *("since:1h", "since:2d", "until:2d", "until:15d", "since:15d until:14d", "since:99d"),
    *("-kind:change", "-service:shop", "-state:failed", "-actor:ana", "-env:production"),
    *("-is:red", "-is:mine", "-is:unseen", "-state:fixed", "-retry", "-r", "NOT shop"),
    *("OR kind:ticket", "OR is:red", "OR zzz", '"release 7"', "to production", "SHOP-554"),
)
"""Each filter of the language, alone and with others."""
UNSEEN = 3_000
_FREQUENT = (
    *SERVICES,
    *ENVIRONMENTS,
    *PEOPLE,
    *{state for states in STATES.values() for state in states},
    *("change", "build", "test", "deploy", "incident", "ticket", "main", "release", "timeouts"),
    *("e", "s", "p", "1", '"main ana"'),
)
"""Words of a thirtieth of all rows and more."""
_FREQUENT_FILTERS = (
    *("", "kind:change", "kind:build", "env:production", "state:failure", "state:pushed"),
    *("state:fixed", "service:shop", "actor:ben", "branch:main", "is:red", "-kind:change"),
)


def typed(count: int, newest: int) -> list[Query]:
    """One to three words, each typed as far as 1 to 10 letters, most with a filter."""
    rng = random.Random(3)
    words = vocabulary()
    return [
        _asked(
            " ".join(rng.choice(words)[: rng.randint(1, 10)] for _ in range(rng.randint(1, 3)))
            + f" {rng.choice(FILTERS) if number % 4 else ''}",
            newest,
        )
        for number in range(count)
    ]


def alone(newest: int) -> list[Query]:
    """Each filter without a word, and with one of nearly every row."""
    return [_asked(f"{one}{word}", newest) for one in FILTERS for word in ("", " e")]


def meeting(count: int, newest: int) -> list[Query]:
    """Frequent words and filters, which few rows or none have together."""
    rng = random.Random(4)
    chosen = (
        (*rng.sample(_FREQUENT, rng.randint(1, 3)), rng.choice(_FREQUENT_FILTERS))
        for _ in range(count)
    )
    return [_asked(" ".join(words), newest) for words in chosen]


def _asked(text: str, newest: int) -> Query:
    return parse_query(text).asked_by(("ana",), Seen(max(0, newest - UNSEEN)))
