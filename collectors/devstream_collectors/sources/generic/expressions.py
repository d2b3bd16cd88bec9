"""JMESPath expressions of a rules file, with functions of our own.

    lower(text)                 small letters
    first_line(text)            the first line that is not blank
    before(text, separator)     the part before the last separator
    after(text, separator)      the part after the last separator
    find(text, 'pattern')       the first group of an RE2 pattern, or all it matches; null if none
    tag(tags, 'name')           the value of `name:value` or `name=value` in a list or text of tags
    parse_json(text)            the JSON in a text
    path(value, value, ...)     texts and numbers with `/` between, without those that say nothing

JMESPath runs no code and reads nothing but the document: https://jmespath.org/specification.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import jmespath
import jmespath.exceptions
import jmespath.functions
import jmespath.parser
import msgspec

from devstream_collectors.kit.decoding import word
from devstream_collectors.kit.patterns import Pattern
from devstream_collectors.sources.generic.bounded import (
    MAX_DEPTH,
    Budget,
    Interpreter,
    children,
    depth,
)
from devstream_desktop.stream.bounds import check_json
from devstream_desktop.stream.text import first_line

MAX_EXPRESSION = 1000
_MAX_TAGS, _MAX_TEXT = 100, 1 << 16
_TAG = re.compile(r"[,\s]+")


class ExpressionError(ValueError):
    """A text that is no expression; the message is a sentence without its place in the file."""


@dataclass(frozen=True)
class Expression:
    """One JMESPath expression and its line in the file."""

    text: str
    line: int
    parsed: jmespath.parser.ParsedResult

    def value(self, document: object, budget: Budget) -> object:
        """Take its value from a document; null where it does not fit.

        Raises:
            TooCostlyError: there are not enough steps left.

        """
        try:
            found: object = Interpreter(_FUNCTIONS, budget).visit(self.parsed.parsed, document)
        except jmespath.exceptions.JMESPathError:
            return None  # a function was given another type, as a number where it wants a text
        return found


def compiled(text: str, line: int) -> Expression:
    """Compile an expression.

    Raises:
        ExpressionError: it is none, or nests too deeply, or its pattern is none.

    """
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(f"it is longer than {MAX_EXPRESSION} characters")
    try:
        parsed = jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        raise ExpressionError(" ".join(str(error).split())) from None
    except RecursionError:
        parsed = None
    if parsed is None or depth(parsed) > MAX_DEPTH:
        raise ExpressionError(f"it nests more than {MAX_DEPTH} deep; take it apart")
    _check_patterns(parsed)
    return Expression(text, line, parsed)


def _check_patterns(parsed: jmespath.parser.ParsedResult) -> None:
    """Accept a pattern of the file's author, never one of a document."""
    waiting = [parsed.parsed]
    while waiting:
        node = waiting.pop()
        waiting += children(node)
        if node["type"] != "function_expression" or node["value"] != "find":
            continue
        given = children(node)
        literal = len(given) == 2 and given[1]["type"] == "literal"
        if not literal or not isinstance(given[1]["value"], str):
            raise ExpressionError("find() takes a text and a pattern in quotes: find(a, 'x(y+)')")
        try:
            _pattern(given[1]["value"])
        except ValueError as error:
            raise ExpressionError(str(error)) from None


@lru_cache(maxsize=512)
def _pattern(text: str) -> Pattern:
    return Pattern(text)


class _Functions(jmespath.functions.Functions):
    """The functions that JMESPath lacks."""

    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_lower(self, text: str | None) -> str | None:
        return text.lower() if text else text

    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_first_line(self, text: str | None) -> str | None:
        return first_line(text) if text else text

    @jmespath.functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_before(self, text: str | None, separator: str) -> str | None:
        return (text.rpartition(separator)[0] or text) if text and separator else text

    @jmespath.functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_after(self, text: str | None, separator: str) -> str | None:
        return text.rpartition(separator)[2] if text and separator else text

    @jmespath.functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_find(self, text: str | None, pattern: str) -> str | None:
        return _pattern(pattern).first(text[:_MAX_TEXT]) if text else None

    @jmespath.functions.signature({"types": ["string", "array", "null"]}, {"types": ["string"]})
    def _func_tag(self, tags: str | list[object] | None, name: str) -> str | None:
        return _tagged(tags, name.lower())

    @jmespath.functions.signature({"types": [], "variadic": True})
    def _func_path(self, *values: object) -> str:
        return "/".join(text for text in map(word, values) if text)

    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_parse_json(self, text: str | None) -> object:
        try:
            check_json((text or "").encode())
            return msgspec.json.decode(text or "null")
        except (ValueError, RecursionError):
            return None


_FUNCTIONS = _Functions()


def _tagged(tags: str | list[object] | None, name: str) -> str | None:
    parts = tags if isinstance(tags, list) else _TAG.split(tags or "")
    for part in parts[:_MAX_TAGS]:
        if isinstance(part, str):
            separator = ":" if ":" in part else "="
            found, _, value = part.strip().partition(separator)
            if found.strip().lower() == name and value:
                return value.strip()
    return None
