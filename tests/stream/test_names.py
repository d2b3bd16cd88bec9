"""Names that are probably one person's."""

from __future__ import annotations

import pytest

from devstream_desktop.stream.names import proposals


@pytest.mark.parametrize(
    ("known", "actor", "alike"),
    [
        ("ana", "Ana Pérez", True),
        ("Ana Pérez", "ana.perez@example.org", True),
        ("aperez", "Ana Pérez", True),
        ("ana.perez@example.org", "aperez", True),
        ("ana", "diana", False),
        ("ana", "bo", False),
        ("bo@example.org", "ana@example.org", False),
        ("dev-bot", "build-bot", False),
        ("ana", "ANA", False),
        ("山田", "山田 太郎", True),
        ("", "x", False),
    ],
)
def test_alike(known: str, actor: str, alike: bool) -> None:
    assert proposals([known], [actor]) == ([actor] if alike else [])
