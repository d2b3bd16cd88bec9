"""Every advice on a home works: it is followed literally, and the fault is gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from faults import (
    aged,
    another_certificate,
    backed_up,
    fork,
    spoil_a_carrier,
    spoil_a_deploys_secret,
    spoil_a_source,
    spoil_an_outlet,
    spoil_database,
    spoil_the_policies,
    team_of,
)
from following import (
    add_carrier_again,
    add_outlet_again,
    add_source_again,
    as_the_example,
    command_in_brackets,
    devstream,
    in_a_shell,
    last_command,
    remove_aside,
    remove_carriers,
    remove_named,
    remove_outlets,
    remove_sources,
    restore,
    running_once,
    set_secret,
    start,
)
from rooms import load

from devstream_desktop.control.check import Verdict
from devstream_desktop.home import Home
from devstream_desktop.keys import DeviceKey, Vault
from devstream_desktop.team import membership
from devstream_desktop.team.policy import changes

pytestmark = pytest.mark.process
_doctor = load("doctor/test_doctor.py")
damage, found, key_of, write = _doctor.damage, _doctor.found, _doctor.key_of, _doctor.write


@dataclass(frozen=True)
class Row:
    """A fault, the check that names it, the advice, and how it is followed."""

    fault: Callable[[Home], object]
    check: str
    advice: str
    follow: Callable[[Home, str], None]
    result: str = ""
    """The advice that comes next; empty where all is well by then."""


ROWS: dict[str, Row] = {
    "open home": Row(lambda home: home.root.chmod(0o755), "home", "chmod -R go= ", in_a_shell),
    "open history": Row(
        lambda home: home.history.chmod(0o644), "home", "chmod -R go= ", in_a_shell
    ),
    "open secret": Row(
        lambda home: (home.secrets / "tls.sealed").chmod(0o644), "home", "chmod -R go=", in_a_shell
    ),
    "open key": Row(lambda home: key_of(home).chmod(0o644), "keys", "chmod 600 ", in_a_shell),
    "settings": Row(
        lambda home: write(home.settings, b"[mesh]\nlisten = 1\n"),
        "settings",
        "shows what it may hold",
        as_the_example,
    ),
    "targets": Row(
        lambda home: write(home.targets, b"[target.a.b]\n"),
        "targets",
        "shows what it may hold",
        as_the_example,
    ),
    "sources": Row(
        lambda home: write(home.sources, b"[nonsense\n"),
        "sources",
        "add what was in it again: devstream source add",
        remove_sources,
    ),
    "outlets": Row(
        lambda home: write(home.outlets, b"{"),
        "outlets",
        "add what was in it again: devstream out add",
        remove_outlets,
    ),
    "carriers": Row(
        lambda home: write(home.carriers, b"{"),
        "carriers",
        "add what was in it again: devstream carrier add",
        remove_carriers,
    ),
    "unreadable": Row(
        lambda home: write(home.root / "peers.json", b"{"),
        "home",
        "nothing: it is set aside at the next start",
        start,
        result="remove the file that was set aside",
    ),
    "set aside": Row(
        lambda home: write(home.root / "peers.json.unreadable", b"{"),
        "home",
        "remove the file that was set aside when you have seen to it",
        remove_aside,
    ),
    "history": Row(lambda home: damage(home.history), "history", "end the node and start", start),
    "a source's secret": Row(
        spoil_a_source,
        "secrets",
        "then add it again with its secret: devstream source add",
        add_source_again,
    ),
    "an outlet's address": Row(
        spoil_an_outlet,
        "secrets",
        "then add it again with its address: devstream out add",
        add_outlet_again,
    ),
    "a carrier's credentials": Row(
        spoil_a_carrier,
        "secrets",
        "then add it again with its credentials: devstream carrier add",
        add_carrier_again,
    ),
    "a deploy's secret": Row(
        spoil_a_deploys_secret, "secrets", "devstream secret set ", set_secret
    ),
    "another's secret": Row(
        lambda home: backed_up(
            home, lambda: write(home.secrets / "unknown.sealed", b"dss1" + bytes(60))
        ),
        "secrets",
        ".sealed in the home from a backup, or remove it",
        lambda home, _: (home.secrets / "unknown.sealed").unlink(),
    ),
    "the certificate's key": Row(
        lambda home: write(home.secrets / "tls.sealed", b"dss1" + bytes(60)),
        "secrets",
        "start the node; a device that issues certificates gives the new one",
        start,
    ),
    "the next certificate's key": Row(
        lambda home: write(home.secrets / "tls-next.sealed", b"dss1" + bytes(60)),
        "secrets",
        "nothing: the node asks for a certificate anew",
        lambda home, _: (team_of(home).certificate.ask(), None)[1],
    ),
    "no team": Row(
        lambda home: [path.unlink() for path in (*home.team.iterdir(), *home.secrets.iterdir())],
        "team",
        "devstream team create NAME --person YOU",
        devstream,
    ),
    "no home": Row(
        lambda home: shutil.rmtree(home.root),
        "home",
        "devstream, or devstream team join INVITE --person YOU, makes it",
        running_once,
    ),
    "the team's files": Row(
        lambda home: backed_up(home, membership.policy_path(home).unlink),
        "team",
        "from a backup, or join again with a fresh --home and an invite",
        restore,
    ),
    "the device's key": Row(
        lambda home: backed_up(
            home, lambda: write(home.secrets / "device-key.sealed", b"dss1" + bytes(60))
        ),
        "keys",
        "restore the home with its key from a backup, or join again",
        restore,
    ),
    "another device's key": Row(
        lambda home: backed_up(
            home, lambda: Vault.open(home).seal("device-key", DeviceKey.generate().seed)
        ),
        "keys",
        "restore the home with its key from a backup, or join again",
        restore,
    ),
    "one admin": Row(
        lambda home: team_of(home).change(changes.admit(DeviceKey.generate().id, "bob")),
        "admins",
        "makes a second one (devstream team grant ",
        command_in_brackets,
    ),
    "one admin, on paper": Row(
        lambda home: team_of(home).change(changes.admit(DeviceKey.generate().id, "bob")),
        "admins",
        "keeps a key on paper (devstream team recovery-key)",
        lambda home, advice: command_in_brackets(home, advice[advice.index("keeps") :]),
    ),
    "damaged policies": Row(
        spoil_the_policies, "policy", "nothing: they are set aside at the next start", start
    ),
    "two policies of one version": Row(
        fork, "policy", "then make any change on a device of one of them, such as:", last_command
    ),
    "a policy that nears its end": Row(
        aged(70), "policy", "start devstream on a device of an admin (", start
    ),
    "a policy that ended": Row(
        aged(100), "policy", "start devstream on a device of an admin (", start
    ),
    "a certificate that nears its end": Row(
        aged(22), "certificate", "start devstream, and it is renewed at a device", start
    ),
    "a certificate that ended": Row(
        aged(40), "certificate", "start devstream, and it is renewed at a device", start
    ),
    "a stranger's certificate": Row(
        another_certificate, "certificate", "start devstream, and it is renewed at a device", start
    ),
    "the executor's database": Row(
        spoil_database("deploy.sqlite"),
        "deploys",
        "see that nothing still runs of what was deployed from here",
        start,
        result="when nothing of it runs any more",
    ),
    "the executor's database, set aside": Row(
        lambda home: (spoil_database("deploy.sqlite")(home), start(home)),
        "deploys",
        "when nothing of it runs any more",
        remove_named,
    ),
    "the collector's database": Row(
        spoil_database("intake.sqlite"), "intake", "start the node again", start
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_who_follows_the_advice_is_rid_of_the_fault(home: Home, name: str) -> None:
    row = ROWS[name]
    row.fault(home)
    said = found(home)[row.check]
    assert said.verdict is not Verdict.OK
    assert row.advice in said.advice
    row.follow(home, said.advice)
    after = found(home)
    if row.result:
        assert row.result in after[row.check].advice
    else:
        assert row.check not in after or after[row.check].verdict is Verdict.OK, after[row.check]
    assert Vault.open(home)
