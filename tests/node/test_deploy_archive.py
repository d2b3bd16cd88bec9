"""Deploys for an audit: a clock that may be wrong ends none of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from devstream_desktop.history.archive import read_archive
from devstream_desktop.node.deploy_archive import DeployArchive
from devstream_desktop.stream.entry import encode_body, parse_entry
from devstream_desktop.stream.event import encode_event, fact_key, make_event
from devstream_desktop.stream.words import Kind

NOW = 1_760_000_000_000
DAY = 86_400_000


async def test_nothing_is_forgotten_by_a_clock_in_doubt(tmp_path: Path) -> None:
    team = SimpleNamespace(chain=SimpleNamespace(current=SimpleNamespace(audit_days=400)))
    time: list[int | None] = [None]
    path, notices = tmp_path / "archive.sqlite", dict[str, str]()
    archive = DeployArchive(path, team, notices, now=lambda: time[0])  # type: ignore[arg-type]
    event = make_event(
        kind=Kind.DEPLOY,
        state="success",
        service="shop",
        subject="deploy/shop/production/1",
        key=fact_key("t", Kind.DEPLOY, "1"),
        time=NOW,
        environment="production",
    )
    body = encode_body(feed=bytes(40), seq=1, hlc=NOW << 16, prev=b"", payload=encode_event(event))
    await archive.keep([parse_entry(body, bytes(64))])
    await archive.keep()
    assert len(list(read_archive(path))) == 1
    time[0] = NOW + 400 * DAY
    await archive.keep()
    assert len(list(read_archive(path))) == 1
    time[0] = NOW + 400 * DAY + 1
    await archive.keep()
    assert list(read_archive(path)) == []
    assert not notices
