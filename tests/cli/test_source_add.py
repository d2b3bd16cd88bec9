"""`source add` turns what a person types into a request, or says what is missing."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from devstream_collectors.contract import Collector, Option, Poll, SecretPath, Token, Webhook
from devstream_desktop.cli import main
from devstream_desktop.cli.parser import build_parser
from devstream_desktop.cli.source.type_parser import fitted, parser_of
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.sources import AddSource, RemoteSource
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.control.server import Handler, Server
from devstream_desktop.control.server_wire import AnyReply, AnyRequest
from devstream_desktop.home import Home
from devstream_desktop.intake.config.source_file import load_sources
from devstream_desktop.node import source_list
from devstream_desktop.node.home_status import status_of_files
from devstream_desktop.shared_files import shared

OPTIONS = (
    Option("rules", "what maps it", kind="file"),
    Option("jobs", "which jobs", kind="list"),
    Option("depth", "how deep", kind="whole"),
    Option("all_branches", "every branch", kind="flag"),
    Option("project", "which project", needed="poll"),
)
BOTH = Collector(
    "Tally's builds",
    "Paste this there.",
    OPTIONS,
    Webhook((Token(), SecretPath())),
    Poll(url="https://tally.example.org"),
)


@pytest.fixture
def home(tmp_path, runtime, monkeypatch) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    monkeypatch.setenv("DEVSTREAM_HOME", str(home.root))
    return home


@pytest.fixture
def sent(home, monkeypatch) -> Iterator[list[AddSource]]:
    """The requests sent to a node without an intake.

    It knows three more types.
    """
    requests: list[AddSource] = []
    known = {
        "tally": BOTH,
        "feed": Collector("Only asked", "", poll=Poll()),
        "hook": Collector("Only told", "", webhook=Webhook((Token(),))),
    }
    real = source_list.describe
    monkeypatch.setattr(source_list, "describe", lambda kind: known.get(kind) or real(kind))
    names = source_list.type_names() | {kind: [] for kind in known}
    monkeypatch.setattr(source_list, "type_names", lambda: names)

    async def answer(request: AnyRequest) -> AnyReply:
        if isinstance(request, GetStatus):
            return status_of_files(home)
        assert isinstance(request, AddSource)
        requests.append(request)
        return Done(text=request.source.path)

    with serving(home.control_url(), answer):
        yield requests


@contextmanager
def serving(url: str, answer: Handler) -> Iterator[None]:
    """A node's end of control in a thread, beside the command that asks it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = Server(url, answer)

    async def start() -> None:
        server.start()

    asyncio.run_coroutine_threadsafe(start(), loop).result(5)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def run(*words: object) -> int:
    return main(["source", "add", *map(str, words)])


def test_without_a_secret_file_the_path_is_the_secret(sent, capsys):
    assert run("tally", "builds") == 0
    assert capsys.readouterr().out == "/in/builds\n"
    assert (sent[0].source.ways, sent[0].source.secret_path, sent[0].secret) == (
        ("webhook",),
        True,
        b"",
    )


def test_everything_that_can_be_said(sent, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(b"one long secret\nanother one here\n")
    (tmp_path / "token").write_bytes(b"tkn\n")
    words = [
        *("tally", "builds", "--secret-file", "secret", "--poll", "--token-file", "token"),
        *("--branch", "main", "release/*", "--service", "shop", "--environment", "staging"),
        *("--url", "https://t.example.org", "--interval", 60, "--silent-after", 3600),
        *("--project", "acme", "--rules", "rules.toml", "--jobs", "a", "b", "--depth", 3),
        "--all-branches",
    ]
    run(*words)
    (request,) = sent
    source = RemoteSource(
        type="tally",
        name="builds",
        url="https://t.example.org",
        branches=("main", "release/*"),
        ways=("webhook", "poll"),
        service="shop",
        environment="staging",
        interval=60,
        silent_after=3600,
        options={
            "rules": str(tmp_path / "rules.toml"),
            "jobs": ("a", "b"),
            "depth": 3,
            "all_branches": True,
            "project": "acme",
        },
    )
    secret = b"one long secret\nanother one here"
    assert request == AddSource(source=source, secret=secret, token=b"tkn")


def test_a_file_that_ships_is_found_by_its_name(sent, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("zabbix", "zabbix.toml"):
        run("tally", "builds", "--rules", given)
        assert sent[-1].source.options["rules"] == str(shared("rules", "zabbix.toml"))
    # One's own comes first, and no path is anything but a path.
    (tmp_path / "zabbix").touch()
    run("tally", "builds", "--rules", "zabbix")
    run("tally", "builds", "--rules", "./nothing")
    assert [one.source.options["rules"] for one in sent[-2:]] == [
        str(tmp_path / "zabbix"),
        str(tmp_path / "nothing"),
    ]


def test_ways(sent, tmp_path):
    run("feed", "a", "--token-path", tmp_path / "token")
    run("tally", "b", "--poll", "--project", "x", "--token-env", "TALLY")
    run("tally", "c", "--poll", "--webhook", "--project", "x")
    assert [request.source.ways for request in sent] == [("poll",), ("poll",), ("webhook", "poll")]
    assert [request.source.secret_path for request in sent] == [False, False, True]
    assert (sent[0].source.token_file, sent[1].source.token_env) == (
        str(tmp_path / "token"),
        "TALLY",
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("hook", "a"), "required: --secret-file"),
        (("github", "a"), "required: --secret-file"),
        (("tally", "a", "--poll"), "required: --project"),
        (("feed", "a", "--interval", "soon"), "'soon' is not a whole number"),
        (("feed", "a", "--rules", "x"), "unrecognized arguments: --rules"),
        (("git", "a"), "required: PATH_OR_URL"),
        ((), "required: TYPE"),
        (("nothing", "a"), "invalid choice: 'nothing' (choose from"),
    ],
)
def test_what_is_missing_is_said(sent, capsys, words, says):
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
    assert sent == []


def test_a_file_that_is_not_there(sent, capsys):
    assert run("hook", "a", "--secret-file", "/nowhere/secret") == 1
    assert "/nowhere/secret cannot be read" in capsys.readouterr().err
    assert sent == []


def test_help_lists_the_types_and_says_what_to_paste(sent, capsys, monkeypatch):
    def help_of(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            run(*words, "--help")
        assert ended.value.code == 0
        return capsys.readouterr().out

    assert "GitHub's webhooks, or its API polled" in help_of()
    tally = " ".join(help_of("tally").split())
    assert "Paste this there." in tally
    assert "--all-branches" in tally
    assert "the path that is printed is the secret" in tally
    assert "Content type   application/json" in help_of("github")


@pytest.mark.parametrize("kind", sorted(source_list.type_names()))
def test_every_installed_collector_describes_itself(kind):
    about = source_list.describe(kind)
    assert bool(about.kinds) != (kind == "generic")
    assert about.webhook or about.poll or about.tail or about.git
    assert len(about.title) <= 80
    assert about.setup
    assert parser_of(kind, about).format_help()


@pytest.mark.parametrize("kind", sorted(source_list.type_names()))
@pytest.mark.parametrize("width", [78, 138])
def test_what_to_paste_fits_the_terminal_and_says_the_same(kind, width):
    about = source_list.describe(kind)
    shown = fitted(about.setup, width)
    assert shown.split() == about.setup.split()
    assert all(len(line) <= width or " " not in line.strip() for line in shown.splitlines())


@pytest.mark.parametrize("kind", sorted(source_list.type_names()))
def test_a_help_keeps_to_the_terminal_and_what_is_to_be_pasted_in_one_piece(kind, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    about = source_list.describe(kind)
    for line in parser_of(kind, about).format_help().splitlines():
        # A link or another long word that is broken could not be used.
        assert len(line) <= 80 or " " not in line.strip()
    for line in about.setup.splitlines():
        labelled = re.match(r" +\S+(?: \S+)*? {2,}(?=\S)", line)
        assert labelled or not line.startswith(" ") or fitted(line, 78) == line


def test_a_type_with_two_names_is_listed_once_and_found_by_both():
    assert "cloudevents" in source_list.type_names()
    assert "cdevents" not in source_list.type_names()
    assert source_list.describe("cdevents") is source_list.describe("cloudevents")
    parser = build_parser()
    assert parser.parse_args(["source", "add", "cdevents", "x"]).type == "cdevents"


def test_what_is_set_in_stays_so_and_a_long_line_runs_on():
    written = (
        "First:\n  URL      "
        + "word " * 25
        + "end more.\n  Key   it\n"
        + "long " * 27
        + "line runs on.\nLast."
    )
    lines = fitted(written, 60).splitlines()
    assert lines[:2] == ["First:", "  URL      " + "word " * 9 + "word"]
    assert lines[2].startswith("           word")
    assert "  Key   it" in lines
    assert lines[-2].endswith("line runs on.")
    assert lines[-1] == "Last."


def test_a_path_is_printed_alone_and_what_to_do_with_it_beside_it(sent, capsys):
    run("tally", "builds")
    printed = capsys.readouterr()
    assert printed.out == "/in/builds\n"
    assert (
        "this node receives no webhooks yet: start it again with --intake HOST:PORT" in printed.err
    )


def test_without_a_node_the_source_is_added_here(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    (tmp_path / "secret").write_bytes(b"one long secret\n")
    assert run("github", "hub", "--secret-file", tmp_path / "secret") == 0
    printed = capsys.readouterr()
    assert printed.out == "/in/hub\n"
    assert "start the node with --intake HOST:PORT, and give the sender that address" in printed.err
    assert [source.name for source in load_sources(home.sources)] == ["hub"]


def test_a_repository_that_is_not_there_is_said_at_once(sent, capsys):
    assert run("git", "shop", "/nowhere/shop") == 1
    assert "there is no /nowhere/shop" in capsys.readouterr().err
    assert sent == []
