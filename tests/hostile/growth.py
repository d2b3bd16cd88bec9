"""Every regular expression of the product, by how it is used, and texts that make a backtracking
one slow.

A text is a beginning, a piece repeated, and an end that does not fit; the pieces come from the
expression itself.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType

import devstream_collectors
import devstream_desktop

SHORT, LONG = 1_500, 6_000
SLOW_S = 0.008
"""A long text that takes less is not looked at any further."""
GROWTH = 9.0
"""For a text that is four times as long; 16 for one whose time grows with the square."""
METHODS = {"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
MAX_PIECES = 60


@dataclass(frozen=True)
class Use:
    """An expression and the method it is used by."""

    where: str
    pattern: re.Pattern
    method: str

    def __str__(self) -> str:
        return f"{self.where}.{self.method}"

    def run(self, text: str) -> None:
        subject = (
            text.encode("utf-8", "replace") if isinstance(self.pattern.pattern, bytes) else text
        )
        if self.method in ("sub", "subn"):
            getattr(self.pattern, self.method)(subject[:0], subject)
        elif self.method == "finditer":
            for _ in self.pattern.finditer(subject):
                pass
        else:
            getattr(self.pattern, self.method)(subject)


def uses() -> list[Use]:
    """Every use in the product.

    Of a module's expression, and of one that is written where it is used.
    """
    found: dict[str, Use] = {}
    for module in _modules():
        for use in _uses_in(module):
            found.setdefault(str(use), use)
    return list(found.values())


def _modules() -> Iterator[ModuleType]:
    for package in (devstream_desktop, devstream_collectors):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not info.name.endswith("__main__"):
                yield importlib.import_module(info.name)


def _uses_in(module: ModuleType) -> Iterator[Use]:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Call)
            or not isinstance(node.func, ast.Attribute)
            or node.func.attr not in METHODS
        ):
            continue
        owner = node.func.value
        if (
            isinstance(owner, ast.Name)
            and owner.id == "re"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield Use(
                f"{module.__name__}:{node.lineno}", re.compile(node.args[0].value), node.func.attr
            )
        elif isinstance(owner, ast.Name) and isinstance(
            pattern := getattr(module, owner.id, None), re.Pattern
        ):
            yield Use(f"{module.__name__}.{owner.id}", pattern, node.func.attr)


def texts(pattern: re.Pattern) -> Iterator[Callable[[int], str]]:
    """Makers of texts of about so many characters."""
    source = (
        pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    )
    tree = parser.parse(
        source, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    )
    letters = sorted(set(_letters(tree)))[:12]
    whole = _sample(tree)[:60]
    pieces = [
        *letters,
        whole,
        whole[:-1],
        *(first + second for first in letters for second in letters if first != second),
    ]
    pieces = [
        piece
        for piece in dict.fromkeys(
            [*pieces[:MAX_PIECES], *(whole + end for end in ("\n", "/", "a"))]
        )
        if piece
    ]
    for piece in pieces:
        for before in dict.fromkeys(["", whole, *letters[:2]]):
            for after in ("", "\0", "\n!"):
                yield (
                    lambda size, before=before, piece=piece, after=after: (
                        before + piece * (size // len(piece)) + after
                    )
                )


def slow(use: Use) -> str:
    """The text that makes it slow, in words; empty when none does."""
    for make in texts(use.pattern):
        if (
            _seconds(use, make(LONG)) > SLOW_S
            and (growth := min(_growth(use, make) for _ in range(3))) > GROWTH
        ):
            return (
                f"{use} {use.pattern.pattern!r}: {growth:.1f} times as slow for four times "
                f"{make(40)!r}"
            )
    return ""


def _growth(use: Use, make: Callable[[int], str]) -> float:
    short = min(_seconds(use, make(SHORT)) for _ in range(3))
    return min(_seconds(use, make(LONG)) for _ in range(2)) / max(short, 1e-6)


def _seconds(use: Use, text: str) -> float:
    # The thread's own time: what others of this machine take meanwhile is no growth.
    began = time.thread_time()
    use.run(text)
    return time.thread_time() - began


def _letters(tree) -> Iterator[str]:
    """Characters that the parts of an expression take."""
    for op, value in tree:
        if op is codes.LITERAL:
            yield chr(value)
        elif op in (codes.IN, codes.CATEGORY, codes.ANY, codes.NOT_LITERAL):
            yield _one(op, value)
        elif op is codes.BRANCH:
            for branch in value[1]:
                yield from _letters(branch)
        elif (inner := _inner(op, value)) is not None:
            yield from _letters(inner)


def _sample(tree) -> str:
    """A text that it takes, as far as looks ahead and behind allow."""
    taken = ""
    for op, value in tree:
        if op is codes.LITERAL:
            taken += chr(value)
        elif op in (codes.IN, codes.CATEGORY, codes.ANY, codes.NOT_LITERAL):
            taken += _one(op, value)
        elif op is codes.BRANCH:
            taken += _sample(value[1][0])
        elif op in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            taken += _sample(value[2]) * max(1, min(value[0], 12))
        elif (
            op not in (codes.ASSERT, codes.ASSERT_NOT) and (inner := _inner(op, value)) is not None
        ):
            taken += _sample(inner)
    return taken


def _inner(op, value):
    if op in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return value[2]
    if op is codes.SUBPATTERN:
        return value[3]
    if op in (codes.ASSERT, codes.ASSERT_NOT):
        return value[1]
    return value if op is codes.ATOMIC_GROUP else None


_CATEGORIES = {codes.CATEGORY_DIGIT: "7", codes.CATEGORY_SPACE: " ", codes.CATEGORY_WORD: "w"}


def _one(op, value) -> str:
    if op is codes.CATEGORY:
        return _CATEGORIES.get(value, "-")
    if op is not codes.IN:
        return "x"
    if value[0][0] is codes.NEGATE:
        return next((letter for letter in "xw7 ./" if not _has(value[1:], letter)), "~")
    kind, one = value[0]
    return (
        chr(one)
        if kind is codes.LITERAL
        else chr(one[0])
        if kind is codes.RANGE
        else _CATEGORIES.get(one, "-")
    )


def _has(parts, letter: str) -> bool:
    return any(
        (kind is codes.LITERAL and chr(one) == letter)
        or (kind is codes.RANGE and one[0] <= ord(letter) <= one[1])
        or (kind is codes.CATEGORY and _CATEGORIES.get(one) == letter)
        for kind, one in parts
    )
