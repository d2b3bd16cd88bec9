"""Decoding: what is of another sort costs itself, and what makes the fact costs the line."""

from __future__ import annotations

import msgspec
import pytest

from devstream_collectors.kit.decoding import Id, Many, Needed, NeededError, Part, Text, decode


class Owner(msgspec.Struct, frozen=True):
    name: Text = ""
    age: int = 0


class Job(msgspec.Struct, frozen=True):
    id: Id = ""
    commit: Needed[str | None] = ""
    name: str | None = "job"
    count: int = 0
    ready: bool = False
    owner: Owner | None = None
    part: Part[Owner] = Owner()
    owners: list[Owner] = []
    many: Many[Owner] = []
    by_name: dict[str, Owner] = {}
    raw: msgspec.Raw = msgspec.Raw(b"{}")


class Jobs(msgspec.Struct, frozen=True):
    jobs: list[Job] | None = None


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        (b'{"name": {}}', "name", "job"),
        (b'{"name": 7}', "name", "7"),
        (b'{"count": "12"}', "count", 12),
        (b'{"count": "2026-01-02T10:00:00"}', "count", 0),
        (b'{"ready": "true"}', "ready", True),
        (b'{"ready": []}', "ready", False),
        (b'{"owner": "ana"}', "owner", None),
        (b'{"owner": {"name": "ana", "age": []}}', "owner", Owner("ana")),
        (b'{"count": [], "part": {"name": "ana", "age": []}}', "part", Owner("ana")),
        (b'{"part": {"name": "ana", "age": []}}', "part", Owner("ana")),
        (b'{"owners": [7, {"name": "ana"}]}', "owners", [Owner("ana")]),
        (b'{"many": [7, {"name": "ana", "age": "x"}]}', "many", [Owner("ana")]),
        (b'{"by_name": {"a": 7, "b": {"age": "3"}}}', "by_name", {"b": Owner(age=3)}),
        (b'{"count": [], "raw": [1, 2]}', "raw", b"[1,2]"),
        (b'{"id": 7}', "id", "7"),
    ],
)
def test_a_field_of_another_sort_has_its_default(body: bytes, field: str, value: object) -> None:
    found = getattr(decode(body, Job), field)
    assert (bytes(found) if isinstance(found, msgspec.Raw) else found) == value


@pytest.mark.parametrize("body", [b'{"id": []}', b'{"commit": 7}', b'{"count": [], "commit": {}}'])
def test_a_field_that_is_needed_costs_the_line(body: bytes) -> None:
    with pytest.raises(NeededError, match=r"id|commit"):
        decode(body, Job)


def test_an_item_of_a_list_that_cannot_be_read_is_counted() -> None:
    body = b'{"jobs": [{"id": []}, {"id": 2, "commit": "a"}, {"commit": 3}]}'
    odd: list[str] = []
    assert [job.id for job in decode(body, Jobs, odd=odd).jobs or ()] == ["2"]
    assert len(odd) == 2
    with pytest.raises(NeededError):
        decode(body, Jobs)


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"7", b"null"])
def test_another_sort_of_document_is_an_error(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(body, Job)
