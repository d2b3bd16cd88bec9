"""Exit codes and JSON are the same for every command."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NoReturn

import pytest
from every_command import leaves, needed

from devstream_desktop.cli.main import main
from devstream_desktop.keys.vault import Vault

LEAVES = dict(leaves())
command = pytest.mark.parametrize("path", LEAVES, ids=" ".join)
SAY_A_SENTENCE = {
    *(("team", name) for name in (
        "create", "invite", "join", "renew", "approve-join", "leave", "grant", "ungrant", "revoke",
        "set", "approve-policy", "recovery-key", "recover",
    )),
    *(("source", name) for name in ("test", "remove")),
    *(("out", name) for name in ("add", "test", "remove")),
    *(("carrier", name) for name in ("add", "test", "authorities", "remove")),
    *(("secret", name) for name in ("set", "remove")),
    ("target", "add"),
    ("node",),
    ("rules", "new"),
    ("emit",),
    ("claim",),
    ("mute",),
    ("note",),
    ("backup",),
    ("restore",),
    ("completion",),
    ("install-desktop",),
    ("man",),
}  # fmt: skip
"""Commands that change something, or whose output is a file for another program."""


@command
def test_a_command_that_prints_data_prints_it_as_json_too(path: tuple[str, ...]) -> None:
    has_json = "--json" in LEAVES[path]._option_string_actions
    says_a_sentence = path in SAY_A_SENTENCE or path[:2] == ("source", "add")
    assert has_json is not says_a_sentence


@command
def test_a_help_fits_a_terminal(path: tuple[str, ...], monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for line in LEAVES[path].format_help().splitlines():
        # A link or another long word that is broken could not be used.
        assert len(line) <= 80 or " " not in line.strip()


@command
def test_an_option_that_there_is_not_ends_with_2(path: tuple[str, ...], capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*path, "--no-such-option", *needed(LEAVES[path])])
    assert ended.value.code == 2
    assert "unrecognized arguments: --no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "team set",
        "search kind:nonsense",
        "node --listen nowhere",
        "out add chat",
        "lock",
        "unlock shop --all",
        "deploy shop production --ref main --json",
    ],
)
def test_words_that_make_no_command_end_with_2(
    words: str, tmp_path: Path, runtime: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("DEVSTREAM_HOME", str(tmp_path / "home"))
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("devstream: ")
    assert len(printed.err.splitlines()) == 1


FAIL_WITHOUT_A_TEAM = [
    path
    for path in LEAVES
    if path[:1] not in {("node",), ("doctor",), ("paths",)}
    and path not in {("completion",), ("install-desktop",), ("man",)}
    and path[:2] not in {("source", "add"), ("team", "create"), ("team", "set"), ("out", "add")}
    and path not in {("source", "list"), ("out", "list"), ("secret", "list"), ("secret", "set")}
    and path != ("carrier", "list")
]


@pytest.mark.parametrize("path", FAIL_WITHOUT_A_TEAM, ids=" ".join)
def test_what_fails_ends_with_1_and_one_line(
    path: tuple[str, ...], tmp_path: Path, runtime: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("DEVSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    flags = LEAVES[path]._option_string_actions
    # Agreed to, and with a scope, which the parser does not ask for.
    agreed = [flag for flag in ("--yes", "--all") if flag in flags]
    code = main([*path, *needed(LEAVES[path]), *agreed])
    printed = capsys.readouterr()
    assert (code, printed.out) == (1, "")
    assert printed.err.startswith("devstream: ")
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize("path", FAIL_WITHOUT_A_TEAM, ids=" ".join)
def test_a_home_without_a_team_needs_no_key_to_say_so(
    path: tuple[str, ...], tmp_path: Path, runtime: Path, capsys, monkeypatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("DEVSTREAM_HOME", str(home))
    monkeypatch.delenv("DEVSTREAM_KEY_FILE", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(Vault, "open", _unlocked)
    monkeypatch.chdir(tmp_path)
    flags = LEAVES[path]._option_string_actions
    agreed = [flag for flag in ("--yes", "--all") if flag in flags]
    assert main([*path, *needed(LEAVES[path]), *agreed]) == 1
    said = capsys.readouterr().err
    # No file of the inside is named that nobody can bring back.
    assert "policy.msgpack" not in said
    assert len(said.splitlines()) == 1


def _unlocked(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a key was asked for")
