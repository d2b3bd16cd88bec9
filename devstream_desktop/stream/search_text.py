"""Words of the full-text index: of an event, and of what is typed.

Both are folded alike: case, accents and the letters that have none (ß, ø, ł), environments by
their one name. A run of Chinese, Japanese or Korean letters, which has no spaces, is kept as its
pairs, so that any part of it is found.

A filter is a word of three private-use letters, so it is one more word and never a scan;
`text.clean` lets no text contain any.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from devstream_desktop.stream.blake2 import blake2b
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import is_note, shown_state
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import STATES, Kind, Severity, outcome

INDEX_VERSION = 7
"""Grows when `index_text` or `text.clean` changes.

Entries are taken out of the index by the very text they went in with.
"""
HEX_INDEXED = 12
"""Characters of a revision that are indexed.

git itself abbreviates to 12 in the largest repositories.
"""
_PRIVATE = 0xE000
_PRIVATE_COUNT = 0x1900
_LONG_HEX = re.compile(r"[0-9a-f]{13,}", re.IGNORECASE)
# Letters that Unicode does not decompose; the index takes accents off itself.
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_ACCENTS = re.compile("[\u0300-\u036f]")
_CLAIM = {"claimed": "on it", "released": "let it go"}
_DONE = {
    ("rollback", "success"): "rolled back",
    ("approve", "accepted"): "approved",
    ("withdraw", "accepted"): "withdrew",
}
"""Words of a finished act, where its state says another."""


@cache
def _cjk() -> re.Pattern[str]:
    """Hiragana and katakana, ideographs, hangul, and the ideographs of the supplementary planes."""
    # Made when it is needed, because that takes longer than a search.
    return re.compile(
        "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff]+"
    )


def fold(text: str) -> str:
    """Return a text as it is compared: `GRÖSSE` for `Größe` and `größe` alike."""
    return text if text.isascii() else text.casefold().translate(_PLAIN)


def bare(text: str) -> str:
    """Return a name as it is compared whole: `jurgen` for `Jürgen`."""
    folded = fold(text).casefold()
    if folded.isascii():
        return folded
    return _ACCENTS.sub("", unicodedata.normalize("NFD", folded))


def typed_words(text: str) -> list[str]:
    """Return the index's words of a typed text, each a phrase.

    They are runs of letters and digits (FTS5's unicode61).
    """
    found: list[str] = []
    for word in re.split(r"[^\w]|_", fold(text)):
        if not word or any(_PRIVATE <= ord(one) < _PRIVATE + _PRIVATE_COUNT for one in word):
            continue
        if _LONG_HEX.fullmatch(word):
            found.append(word[:HEX_INDEXED])
        else:
            found += [word] if word.isascii() else _parts(word)
    return found


def _parts(word: str) -> list[str]:
    """Split a word at its runs of CJK letters; of each its pairs, as one phrase."""
    parts: list[str] = []
    at = 0
    for run in _cjk().finditer(word):
        letters = run[0]
        pairs = (letters[i : i + 2] for i in range(max(1, len(letters) - 1)))
        parts += [word[at : run.start()], " ".join(pairs)]
        at = run.end()
    return [part for part in (*parts, word[at:]) if part]


def _spread(run: re.Match[str]) -> str:
    letters = run[0]
    pairs = (letters[i : i + 2] for i in range(len(letters)))
    return f" {' '.join(pairs)} "


def index_text(event: Event) -> str:
    """Make the indexed text of an event: its words and its filters."""
    kind, environment, service = event.kind.value, event.environment, event.service
    # As it is shown: `passed`, `deployed`.
    state = shown_state(event)
    shown = outcome(event.kind, state)
    # A change's number is its revision: once is enough.
    number = "" if event.number == event.revision else event.number
    revision = (
        event.revision[:HEX_INDEXED] if _LONG_HEX.fullmatch(event.revision) else event.revision
    )
    name = environment_name(environment)
    said = " ".join(
        (
            service,
            event.actor,
            kind,
            state,
            "" if shown == state else shown,
            _CLAIM.get(state, "") if event.kind is Kind.CLAIM else "",
            _act(event) if event.kind is Kind.DEPLOY else "",
            event.severity.word if event.severity >= Severity.WARNING else "",
            environment,
            "" if name == environment else name,
            event.ref,
            revision,
            event.title,
            number,
            event.reason,
            event.about if is_note(event) else "",
        )
    )
    if not said.isascii():
        said = _cjk().sub(_spread, fold(said))
    return " ".join(
        (
            said,
            _tags(kind, name, service, state),
            _person_tags(event.actor, short_ref(event.ref), int(event.severity)),
        )
    )


def _act(event: Event) -> str:
    """Return the words of a row for more than a plain deploy."""
    glass = "break-glass" if event.override else ""
    # A dry run that passed has it as its state already.
    act = event.action if event.action != event.state else ""
    return " ".join(filter(None, (act, _DONE.get((event.action, event.state), ""), glass)))


@lru_cache(maxsize=4096)
def _tags(kind: str, environment: str, service: str, state: str) -> str:
    tags = {
        tag("kind", kind),
        tag("state", state),
        tag("kind environment", kind, environment) if environment else "",
        tag("environment", environment),
        tag("service", service),
        # A target or a forge's repository, by its last part.
        tag("service", service.rpartition("/")[2]),
    } - {""}
    return " ".join(sorted(tags))


@lru_cache(maxsize=4096)
def _person_tags(actor: str, branch: str, severity: int) -> str:
    # A severity finds itself and what is worse; what is only said has none.
    worse = (one for one in Severity if Severity.INFO < one <= severity)
    tags = [tag("actor", actor), tag("branch", branch)]
    return " ".join(filter(None, (*tags, *(tag("severity", one.word) for one in worse))))


@lru_cache(maxsize=4096)
def tag(name: str, *values: str) -> str:
    """Return the word of a filter with its values; empty where the first value is."""
    if not values[0]:
        return ""
    text = "\x1f".join((name, *map(bare, values)))
    number = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    letters = []
    for _ in range(3):
        number, place = divmod(number, _PRIVATE_COUNT)
        letters.append(chr(_PRIVATE + place))
    return "".join(letters)


EVERY_KIND = " OR ".join(f'"{tag("kind", kind.value)}"' for kind in Kind)
"""Finds every row: what is left out needs something that it is left out of."""
ALL_STATES = frozenset(state for states in STATES.values() for state in states)
