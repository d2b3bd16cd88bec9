"""A mistake in a TOML file names its file, its line, the key and what is right."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from devstream_desktop.config import FieldError, TomlFile, line_of, typed
from devstream_desktop.errors import DevstreamError

Number = Annotated[int, Meta(ge=0, le=9, description="a number from 0 to 9")]
Numbers = Annotated[dict[str, Number], Meta(description="numbers from 0 to 9 by name")]


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: Number = 0
    words: tuple[str, ...] = ()


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    number: Number
    inner: Inner = Inner()
    numbers: Numbers = {}


class WrongError(DevstreamError):
    pass


def read(text: str) -> Outer:
    file = TomlFile(text, "some.toml", WrongError)
    with file.table(name="the table"):
        return typed(file.document, Outer, name="given")


def test_a_table_becomes_a_value() -> None:
    assert read("number = 3\nnumbers.a = 1\n[inner]\nnumber = 4\n") == Outer(
        "given", 3, Inner(4), {"a": 1}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("number = [", "some.toml, line 1: this is not TOML: "),
        ("", "some.toml, line 1: the table: number is missing; it must be a number from 0 to 9"),
        ("number = 10", "line 1: the table: number must be a number from 0 to 9"),
        (
            "number = 1\nnumbr = 1",
            "line 2: the table: 'numbr' is unknown; allowed: number, inner, numbers",
        ),
        (
            "number = 1\nname = 'x'",
            "line 2: the table: 'name' is unknown; allowed: number, inner, numbers",
        ),
        ("number = 1\ninner = 1", "line 2: the table: inner must be a table"),
        (
            "number = 1\n[inner]\nnumber = 'x'",
            "line 3: the table: inner.number must be a number from 0 to 9",
        ),
        (
            "number = 1\n[inner]\nwords = [1]",
            "line 3: the table: inner.words must be a list of texts",
        ),
        (
            "number = 1\n[inner]\nother = 1",
            "line 3: the table: 'other' is unknown; allowed: number, words",
        ),
        (
            "number = 1\nnumbers.a = 1\nnumbers.b = 10",
            "line 2: the table: numbers.b must be numbers from 0 to 9",
        ),
    ],
)
def test_a_mistake_is_found(text: str, message: str) -> None:
    with pytest.raises(WrongError) as caught:
        read(text)
    assert message in str(caught.value)


def test_a_value_is_never_repeated() -> None:
    with pytest.raises(WrongError) as caught:
        read('number = "hunter2"')
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_key_is_named_on_one_line(key: str) -> None:
    with pytest.raises(FieldError) as caught:
        typed({"number": 1, "x" + key: 1}, Outer, name="given")
    assert caught.value.keys == ("x" + key,)
    assert "\n" not in str(caught.value)


def test_a_list_over_several_lines_is_found_by_what_it_holds() -> None:
    assert line_of('[a]\nb = [\n"x",\n"y",\n]\n', ("a", "b"), "y") == 4
