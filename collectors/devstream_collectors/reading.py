"""What nearly every collector needs: a reader that answers whatever it is given, and the small readings that services share."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps

import msgspec

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Kind

Normalise = Callable[[Delivery, SourceInfo], Normalised]
_TEST_NAME = re.compile(r"(?<![a-z])(?:unit|integration|smoke|py)?tests?(?:ing)?(?![a-z])", re.IGNORECASE)

_PART = re.compile(r"[A-Za-z0-9_.~-]+")


class Dropped(Exception):  # noqa: N818 - it is a verdict, not an error
    """Raised inside a `tolerant` reader: the fact makes no line. `reason` is a short fixed name; `detail` may hold text from outside."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = clean(detail, 120)


def tolerant(read: Normalise) -> Normalise:
    """`read`, which may raise what decoding and `make_event` raise, or `Dropped`: each becomes a named drop."""

    @wraps(read)
    def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
        try:
            return read(delivery, source)
        except Dropped as drop:
            return Normalised(dropped=drop.reason, detail=drop.detail)
        except InvalidEventError as error:
            return Normalised(dropped="invalid-event", detail=clean(str(error), 200))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Normalised(dropped="unexpected-shape", detail=clean(str(error), 200))

    return normalise


def sha(text: str | None) -> str:
    """A commit hash; empty for the all-zero hash that stands for nothing."""
    return text if text and text.strip("0") else ""


def run_kind(name: str) -> Kind:
    """Whether a pipeline, workflow or job of that name is a test run or a build: by its name, for no service says."""
    return Kind.TEST if _TEST_NAME.search(name) else Kind.BUILD


def person(*names: str | None) -> str:
    """The first of these names that is one; of a mail address or `Ana <ana@example.org>` only what is no address."""
    for name in names:
        plain = (name or "").split("<", 1)[0].strip().split("@", 1)[0].strip()
        if plain:
            return plain
    return ""


def check_repository(name: str, form: str, *, deep: bool = False) -> None:
    """What an option `repository` holds; empty is fine.

    Args:
        name: its value.
        form: how it is written, for the message.
        deep: it may have more than two parts.

    Raises:
        ValueError: it is not a repository's name.

    """
    parts = name.split("/")
    good = all(_PART.fullmatch(part) and part not in (".", "..") for part in parts) and (len(parts) == 2 or (deep and len(parts) > 2))
    if name and not good:
        raise ValueError(f"repository must be {form}")
