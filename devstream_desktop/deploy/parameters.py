"""Parameters of a deploy: declared by a target's operator, chosen by whoever asks.

Nothing undeclared passes. A value is one clean line, and reaches the program in an environment
variable only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Meta

from devstream_desktop.stream.text import clean

MAX_PARAMETERS = 16
MAX_VALUE = 120
MAX_TEXT = 500
"""Characters of all parameters together, as they travel (stream/event.py)."""
PREFIX = "DEVSTREAM_PARAM_"
"""Begins the environment variable of each parameter."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_FLAG = ("false", "true")


class InvalidParameterError(ValueError):
    """Parameters that a target does not take; the message says which it takes."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One declared parameter."""

    type: Annotated[Literal["text", "choice", "flag"], Meta(description="text, choice or flag")] = (
        "text"
    )
    choices: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=MAX_VALUE)], ...],
        Meta(max_length=50, description='a list of texts: ["small", "large"]'),
    ] = ()
    default: str | bool = ""
    help: str = ""

    def value(self) -> str:
        """Return the value where none is chosen."""
        if self.type == "flag":
            return _FLAG[self.default in (True, "true")]
        return str(self.default) or (self.choices[0] if self.choices else "")


Declared = Mapping[str, Parameter]
"""By name."""


def mistake_in(declared: Declared) -> str:
    """Return what is wrong with a declaration; empty when nothing is."""
    if len(declared) > MAX_PARAMETERS:
        return f"parameters are {MAX_PARAMETERS} at most"
    if len({name.upper() for name in declared}) != len(declared):
        return "two parameters have the same name but for capitals, which no variable can tell"
    for name, parameter in declared.items():
        if not _NAME.fullmatch(name):
            return (
                f"{clean(name, 40)!r} is no name for a parameter: letters, digits and _, up to 40"
            )
        if (parameter.type == "choice") != bool(parameter.choices):
            return f"{name}: choices belong to the type choice, and it needs some"
        if isinstance(parameter.default, bool) and parameter.type != "flag":
            return f"{name}: default must be a text in quotes"
        if wrong := _wrong(name, parameter.value(), parameter):
            return f"the default of {wrong}"
    return ""


def complete(chosen: Mapping[str, str], declared: Declared) -> dict[str, str]:
    """Return the values of all declared parameters, the chosen ones among them.

    Raises:
        InvalidParameterError: one is not declared, or has a value that it cannot have.

    """
    for name in chosen:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise InvalidParameterError(
                f"{clean(name, 40)!r} is no parameter of this target; it has {known}"
            )
    values = {name: chosen.get(name, one.value()) for name, one in declared.items()}
    for name, value in values.items():
        if wrong := _wrong(name, value, declared[name]):
            raise InvalidParameterError(wrong)
    return values


def variables(values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that hold these values."""
    return {PREFIX + name.upper(): value for name, value in values.items()}


def as_text(values: Mapping[str, str]) -> str:
    """Return parameters as they travel, `size=large&migrate=true`.

    Raises:
        InvalidParameterError: there is too much of it.

    """
    text = urlencode(sorted(values.items()))
    if len(text) > MAX_TEXT:
        raise InvalidParameterError(
            f"the parameters are longer than {MAX_TEXT} characters together"
        )
    return text


def from_text(text: str) -> dict[str, str]:
    """Return the parameters in what travelled.

    Raises:
        InvalidParameterError: it is not what `as_text` makes.

    """
    try:
        pairs = (
            parse_qsl(
                text, keep_blank_values=True, strict_parsing=True, max_num_fields=MAX_PARAMETERS
            )
            if text
            else []
        )
    except ValueError:
        raise InvalidParameterError("its parameters cannot be read") from None
    values = dict(pairs)
    # One spelling of each: what was signed is what is run.
    if urlencode(sorted(values.items())) != text:
        raise InvalidParameterError("its parameters cannot be read")
    return values


def _wrong(name: str, value: str, parameter: Parameter) -> str:
    """Return why a value cannot be; empty when it can."""
    allowed = {"choice": parameter.choices, "flag": _FLAG}.get(parameter.type)
    if allowed is not None and value not in allowed:
        return f"{name} cannot be {clean(value, 40)!r}; allowed are {', '.join(allowed)}"
    if value and clean(value, MAX_VALUE) != value:
        return f"{name} must be one plain line of at most {MAX_VALUE} characters"
    return ""
