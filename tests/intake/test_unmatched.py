"""Posts that nothing knew: the last 20 of different forms are kept, without their secrets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.intake.config.source_file import save_sources
from devstream_desktop.intake.service import Intake
from devstream_desktop.intake.webhook.masking import MASK, MAX_BODY, masked, masked_text
from devstream_desktop.intake.webhook.unmatched import KEPT

SECRET = b"a-long-secret-that-is-in-the-path"
PATH = f"/in/own/{SECRET.decode()}"
RULES = '[[rule]]\nmatch = "known"\nkind = "incident"\nfields = { state = "\'firing\'" }\n'


@pytest.fixture
async def intake(home, vault, stream, clock, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    vault.seal("source-own", SECRET)
    source = RemoteSource(
        name="own", type="generic", secret_path=True, options={"rules": str(rules)}
    )
    await asyncio.to_thread(save_sources, home.sources, [source])
    running = Intake(home, vault, stream.publish, listen="127.0.0.1:0", now=clock)
    await running.start()
    yield running
    await running.stop()


async def dropped(intake: Intake, number: int, eventually) -> None:
    await eventually(lambda: sum(intake.status()[0].dropped.values()) == number)


def kept_headers(home) -> set[str]:
    """The names of the headers that are stored."""
    with contextlib.closing(sqlite3.connect(home.intake)) as connection:
        (text,) = connection.execute("SELECT headers FROM raw").fetchone()
    return set(json.loads(text))


async def test_what_nothing_knew_is_kept_without_its_secrets(intake, home, post, eventually):
    body = {"status": "odd", "token": "abc", "by": "ana@example.org", "build": {"number": 7}}
    headers = {"Content-Type": "application/json", "X-Forwarded-For": "192.0.2.1"}
    headers |= {"X-Event": "built", "X-Api-Key": "k", "X-Other": "ghp_0123456789abcdef"}
    assert (await post(intake.url, PATH, json.dumps(body).encode(), headers)).status == 202
    await dropped(intake, 1, eventually)
    (one,) = await intake.unmatched("own")
    assert (one.source, one.reason) == ("own", "no-rule-matches")
    assert json.loads(one.body) == body | {"token": MASK, "by": "someone@example.org"}
    assert one.headers == {"x-event": "built", "x-other": MASK}
    assert await asyncio.to_thread(kept_headers, home) == {"x-event", "x-other", "content-type"}
    with pytest.raises(SourcesError, match="there is no source 'other'; known: own"):
        await intake.unmatched("other")


async def test_what_was_known_is_not_kept(intake, post, stream):
    assert (await post(intake.url, PATH, b'{"known": true}')).status == 202
    await stream.first()
    assert await intake.unmatched() == []


async def test_only_the_last_of_each_form_and_twenty_in_all(intake, post, eventually, clock):
    for number in range(KEPT + 5):
        clock.now += 2_000
        body = json.dumps({f"field{number}": 1}).encode()
        assert (await post(intake.url, PATH, body)).status == 202
    clock.now += 2_000
    await post(intake.url, PATH, b'{"field20": "again"}')
    await dropped(intake, KEPT + 6, eventually)
    bodies = [one.body for one in await intake.unmatched()]
    assert len(bodies) == KEPT
    assert bodies[0] == '{"field20":"again"}'
    assert '{"field20":1}' not in bodies


async def test_a_flood_costs_one_look_a_second(intake, post, eventually, clock):
    for number in range(30):
        await post(intake.url, PATH, json.dumps({f"x{number}": 1}).encode())
    await dropped(intake, 30, eventually)
    assert len(await intake.unmatched()) == 1


async def test_they_outlive_a_restart_and_go_with_the_source(
    intake, home, vault, stream, post, eventually
):
    await post(intake.url, PATH, b'{"a": 1}')
    await dropped(intake, 1, eventually)
    await intake.stop()
    again = Intake(home, vault, stream.publish)
    await again.start()
    assert [one.body for one in await again.unmatched()] == ['{"a":1}']
    await again.remove_source("own")
    assert await again.unmatched() == []
    assert await again._notes.read("unmatched/own") == b""
    await again.stop()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://bob:pass@example.org/x?token=abc&n=1#y", f"https://example.org/x?token={MASK}&n={MASK}#y"),
        ("mail ana.b@example.org now", "mail someone@example.org now"),
        ("ghp_0123456789abcdefABCDEF0123456789abcd", MASK),
        ("xoxb-123456-abcdef", MASK),
        ("AKIAIOSFODNN7EXAMPLE", MASK),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", MASK),
        ("key wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY9", f"key {MASK}"),
        ("9d385017c611228701d22104cc95c371aaaabbbb", "0123456789abcdef0123456789abcdef01234567"),
        ("8d9c7ba3-5b1c-4d62-9d3c-1d2f3a4b5c6d", "8d9c7ba3-5b1c-4d62-9d3c-1d2f3a4b5c6d"),
        ("refs/heads/main", "refs/heads/main"),
        ("integration-tests-of-the-shop", "integration-tests-of-the-shop"),
        ("2027-01-15T07:59:00.123Z", "2027-01-15T07:59:00.123Z"),
    ],
)  # fmt: skip
def test_a_text_loses_what_looks_like_a_secret(text, kept):
    assert masked_text(text) == kept


@pytest.mark.parametrize(
    "name",
    [
        "token", "accessToken", "api_key", "apiKey", "password", "client_secret", "Authorization",
        "X-Hub-Signature", "privateKey", "credentials", "sessionId", "cookie", "jwt",
    ],
)  # fmt: skip
def test_a_secret_is_known_by_its_name(name):
    for value in ("s", 5, {"a": "s"}, ["s"]):
        assert json.loads(masked(json.dumps({"in": [{name: value}]}).encode())) == {
            "in": [{name: MASK}]
        }


def test_long_lists_are_cut_and_what_is_too_large_is_not_kept():
    assert json.loads(masked(b"[1,2,3,4,5]")) == [1, 2, 3]
    assert masked(json.dumps({f"n{n}": "a " * 140 for n in range(100)}).encode()) == b""
    assert masked(b"no json") == b""


@given(
    st.recursive(st.text(max_size=30), lambda inner: st.dictionaries(st.text(max_size=8), inner))
)
def test_what_is_kept_is_small_json(document):
    made = masked(json.dumps(document).encode())
    assert len(made) <= MAX_BODY
    json.loads(made)
