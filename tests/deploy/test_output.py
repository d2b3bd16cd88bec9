"""Output as it leaves the executor: parts, no secrets, no escape sequences, for whom it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.control.messages.deploys import GetDeployLog
from devstream_desktop.deploy import output, runlog
from devstream_desktop.deploy.masking import masked
from devstream_desktop.deploy.output import OutputError, read_part

from .conftest import ASKER

GHP = "ghp_" + "a1B2" * 9
SECRETS = {
    "cloning https://ana:hunter2@git.example.org/x": "hunter2",
    "cloning https://oauth2-token-123@git.example.org/x": "oauth2-token-123",
    "Authorization: Bearer abc.def-123456789012345": "abc.def-123456789012345",
    "authorization: Basic YW5hOmh1bnRlcjI=": "YW5hOmh1bnRlcjI=",
    "PRIVATE-TOKEN: glpat-abcdefghij0123456789": "glpat-abcdefghij0123456789",
    f"using {GHP} now": GHP,
    "xoxb-123456789012-abcdefghijkl": "xoxb-123456789012-abcdefghijkl",
    "AKIAIOSFODNN7EXAMPLE is the key": "AKIAIOSFODNN7EXAMPLE",
    "DB_PASSWORD=correct-horse": "correct-horse",
    '"api_key": "0123456789abcdef"': "0123456789abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl": "c2lnbmF0dXJl",
    "-----BEGIN PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA\n-----END PRIVATE KEY-----": (
        "b3BlbnNzaC1rZXk"
    ),
}


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret_is_masked(text):
    assert SECRETS[text] not in masked(text)
    assert "***" in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "deploying 4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f to production",
        "https://git.example.org/acme/shop.git at ana@example.org",
        "the token expired; no password needed",
        "step 3: 100 % [=====>    ]",
    ],
)
def test_what_does_not_stays(text):
    assert masked(text) == text


@pytest.mark.parametrize("text", SECRETS)
def test_no_part_shows_a_secret_wherever_it_is_cut(tmp_path, monkeypatch, text):
    path = tmp_path / "a.log"
    path.write_text(f"first\n{text}\nlast\n")
    for size in range(8, 60, 7):
        monkeypatch.setattr(output, "PART_BYTES", max(size, max(map(len, text.split("\n"))) + 1))
        assert SECRETS[text] not in "".join(parts(path))


@pytest.mark.parametrize("text", SECRETS)
def test_no_start_shows_the_rest_of_a_secret(tmp_path, text):
    """Whoever reads chooses where to begin."""
    path = tmp_path / "a.log"
    path.write_text(f"first\n{text} é\nlast\n")
    secret = SECRETS[text]
    rests = [secret[at:] for at in range(len(secret) - 2)]
    for start in range(len(path.read_bytes()) + 2):
        part = read_part(path, start, over=True)
        assert not [rest for rest in rests if rest in part.text], start
        assert part.is_last


def test_a_part_begins_at_the_place_that_was_asked_for(tmp_path):
    path = tmp_path / "a.log"
    path.write_text(f"one\nuse {GHP} or not\nend\n")
    raw = path.read_text()
    for start in range(len(raw) + 1):
        text = read_part(path, start, over=True).text
        # Inside of a secret the place is its mask.
        inside = raw.index(GHP) < start < raw.index(GHP) + len(GHP)
        assert text == masked(raw[raw.index(GHP) if inside else start :])
    assert read_part(path, 1 << 70, over=True).text == ""
    assert read_part(path, 1 << 70, over=True).next == 1 << 70


@pytest.mark.parametrize("before", [b"", b"first\n"])
def test_the_last_line_shows_no_rest_of_a_secret_however_long_it_is(tmp_path, before):
    path = tmp_path / "a.log"
    for more in range(0, 60, 7):
        rest = b" said" + b" no" * ((runlog._TAIL_BYTES - more) // 3) + b"\n"
        path.write_bytes(before + b"use " + GHP.encode() + rest)
        said = runlog.last_line(path)
        assert said.startswith(("said no", "no no", "use ***", "*** said"))


def test_a_character_is_shown_whole_wherever_a_part_begins(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes("aé€\n".encode())
    shown = [read_part(path, start, over=True).text for start in range(8)]
    assert shown == ["aé€\n", "é€\n", "é€\n", "€\n", "€\n", "€\n", "\n", ""]


def parts(path, *, over: bool = True) -> list[str]:
    """All parts of a log, one after the other."""
    found, start = [], 0
    while True:
        part = read_part(path, start, over=over)
        found.append(part.text)
        if part.is_last or part.next == start:
            return found
        start = part.next


@given(st.text(st.sampled_from("ab\n\r\t\x1b[31m é"), max_size=300), st.integers(20, 90))
def test_parts_together_are_the_whole(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("log") / "a.log"
    path.write_bytes(text.encode())
    whole = "".join(parts(path))
    with pytest.MonkeyPatch.context() as patch:
        longest = max(len(line.encode()) + 1 for line in text.split("\n"))
        patch.setattr(output, "PART_BYTES", max(size, longest))
        assert "".join(parts(path)) == whole
    assert all(one.isprintable() for one in whole.split("\n"))


def test_half_a_line_waits_while_it_runs(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("one\ntw")
    part = read_part(path, 0, over=False)
    assert (part.text, part.next, part.is_last) == ("one\n", 4, False)
    path.write_text("one\ntwo\n")
    assert read_part(path, part.next, over=False).text == "two\n"
    last = read_part(path, 8, over=True)
    assert (last.text, last.is_last) == ("", True)


def test_a_progress_bar_is_its_last_state_and_colours_are_gone(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"  0 %\r 50 %\r100 %\n\x1b[31mred\x1b[0m\x1b[2K \xff\n")
    assert read_part(path, 0, over=True).text == "100 %\nred \ufffd\n"


def test_a_log_that_was_cut_goes_on_at_its_place(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("[000000000000100 earlier bytes were cut]\nabc\ndef\n")
    assert read_part(path, 104, over=True).text == "def\n"
    first = read_part(path, 0, over=True)
    assert first.text == "[100 earlier bytes were cut]\nabc\ndef\n"
    assert first.next == 108


@pytest.mark.process
async def test_who_may_read_it(room):
    room.write(script='echo "to $DEVSTREAM_ENVIRONMENT"; exit 3', more='output = "deployers"')
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await room.news.final(event.key)
    log = await deploys.log(GetDeployLog(request=event.key), ASKER)
    assert (log.text, log.over, log.state) == ("to production\n", True, "failure")
    room.devices["bo's"] = "bo"
    with pytest.raises(OutputError, match="for those who may deploy it or approve it"):
        await deploys.log(GetDeployLog(request=event.key), "bo's")
    with pytest.raises(OutputError, match="only a person of the team"):
        await deploys.log(GetDeployLog(request=event.key), "stranger's")
    with pytest.raises(OutputError, match="it has not run"):
        await deploys.log(GetDeployLog(request="0" * 32), ASKER)
    room.home.targets.unlink()
    room.write(script="true")
    await deploys._offers.refresh()
    assert (await deploys.log(GetDeployLog(request=event.key), "bo's")).text


@pytest.mark.process
async def test_it_is_read_while_it_runs(room, gate):
    room.write(script=f"echo one; {gate.script}; echo two")
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await gate.reached()
    log = await deploys.log(GetDeployLog(request=event.key), ASKER)
    assert not log.over
    await gate.open()
    await room.news.final(event.key)
    rest = await deploys.log(GetDeployLog(request=event.key, start=log.next), ASKER)
    assert (log.text + rest.text, rest.over, rest.state) == ("one\ntwo\n", True, "success")
