"""A secret in a repository's address.

Refused with what to do instead, and in no file, status, log or complaint in clear.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_desktop import git_address
from devstream_desktop.control.messages.sources import GitSource
from devstream_desktop.deploy.repository import look_up
from devstream_desktop.deploy.targets import TargetsError, parse_targets
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.intake.config.source_file import TAKEN_OUT
from devstream_desktop.intake.config.source_toml import check_source, parse_sources
from devstream_desktop.intake.poll.git_commands import GitError, git

pytestmark = pytest.mark.process

SECRET = "glpat-S3cr3tS3cr3t"
HOLDING = (
    "https://example.com/acme/shop.git?private_token={}",
    "https://example.com/acme/shop.git?a=b&access_token={}",
    "https://example.com/acme/shop.git#{}",
    "https://{}@example.com/acme/shop.git",
    "https://ana:{}@example.com/acme/shop.git",
    "https://x-access-token:{}@example.com:8443/acme/shop.git",
    "http://{}:x-oauth-basic@example.com/acme/shop.git",
    "https://example.com?token={}",
    "ssh://git:{}@example.com/acme/shop.git",
    "git://example.com/acme/shop.git?token={}",
    "oauth2:{}@example.com:acme/shop.git",
)
HOLDING_NONE = (
    "https://example.com/acme/shop.git",
    "https://example.com:8443/acme/shop.git",
    "ssh://git@example.com:22/acme/shop.git",
    "git@example.com:acme/shop.git",
    "example.com:acme/shop.git",
    "git://example.com/acme/shop.git",
    "file:///srv/git/what?#is@this:.git",
    "/srv/git/ana:b@c?d.git",
)
words = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="/?#@:'\"<>\\ "),
    min_size=4,
    max_size=20,
)


@pytest.mark.parametrize("form", HOLDING)
def test_an_address_with_a_secret_is_refused_with_what_to_do(form: str) -> None:
    source = GitSource(name="shop", url=form.format(SECRET))
    with pytest.raises(
        SourcesError, match="leave it out, and let git ask its credential helper"
    ) as refused:
        check_source(source)
    assert SECRET not in str(refused.value)
    with pytest.raises(
        TargetsError, match="leave it out, and let git ask its credential helper"
    ) as refused_target:
        parse_targets(
            f'[target.a.b]\nrun = ["x"]\nrepository = "{form.format(SECRET)}"', Path("targets.toml")
        )
    assert SECRET not in str(refused_target.value)


@pytest.mark.parametrize("address", HOLDING_NONE)
def test_an_address_without_one_is_as_it_was(address: str) -> None:
    assert git_address.secret_in(address) == ""
    assert git_address.without_secret(address) == address


COMPLAINT = "fatal: unable to access '{}': The requested URL returned error: 403"


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(HOLDING),
    words.filter(lambda word: word not in COMPLAINT.format("".join(HOLDING))),
)
def test_what_is_left_of_an_address_has_no_secret_and_is_the_same_place(
    form: str, secret: str
) -> None:
    address = form.format(secret)
    plain = git_address.without_secret(address)
    assert git_address.secret_in(address)
    assert secret not in plain
    assert git_address.secret_in(plain) == ""
    assert "example.com" in plain
    if "://" in address:
        assert secret not in git_address.masked(COMPLAINT.format(address))


async def test_what_git_complains_of_is_told_without_it() -> None:
    address = f"http://127.0.0.1:9/shop.git?private_token={SECRET}"
    with pytest.raises(GitError, match=r"127\.0\.0\.1:9/shop\.git\?") as failed:
        await git("ls-remote", "--", address)
    assert SECRET not in str(failed.value)
    tips = await look_up(address, ("refs/heads/main",))
    assert "127.0.0.1:9/shop.git?" in tips.trouble
    assert SECRET not in tips.trouble


@pytest.mark.parametrize("form", [HOLDING[0], HOLDING[2], HOLDING[4]])
def test_an_old_configuration_is_mended_and_nothing_keeps_the_secret(
    form: str, world, until
) -> None:
    address = (
        form.format(SECRET)
        .replace("example.com:8443", "example.com")
        .replace("example.com", "127.0.0.1:9")
    )
    [ana] = world.team()
    ana.run("source", "add", "git", "shop", "http://127.0.0.1:9/other.git")
    ana.stop()
    text = ana.home.sources.read_text().replace("http://127.0.0.1:9/other.git", address)
    ana.home.sources.write_text(text)
    (ana.home.mirrors / "shop").mkdir(parents=True)
    (ana.home.mirrors / "shop" / "config").write_text(f"url = {address}")
    cursor = json.dumps(
        {"url": address, "names": ["main"], "branches": {"main": "a" * 40}}
    ).encode()
    with closing(sqlite3.connect(ana.home.intake)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO note VALUES ('git/shop', ?)", (cursor,))
    ana.start("--intake", "127.0.0.1:0")
    [source] = ana.status().sources
    assert source.error == TAKEN_OUT
    assert SECRET not in source.location
    until("it was looked at", lambda: "source shop" in ana.home.log.read_text())
    assert SECRET not in ana.run("source", "list") + ana.run("status", "--json") + ana.run("status")
    ana.run("source", "remove", "shop")
    ana.stop()
    keeping = [
        path
        for path in ana.home.root.rglob("*")
        if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert keeping == []
    assert parse_sources(ana.home.sources.read_text()) == []


def test_a_name_that_leads_out_of_the_home_takes_nothing_away(world, tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.home.mirrors.mkdir()
    ana.home.sources.write_text(
        f'[source."../../outside"]\ntype = "git"\nurl = "https://{SECRET}@example.com/x.git"\n'
    )
    ana.start()
    assert outside.is_dir()
