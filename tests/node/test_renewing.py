"""The care for a team goes on when one part of it fails."""

from __future__ import annotations

import time

import pytest

from devstream_desktop.home import Home
from devstream_desktop.keys.vault import Vault
from devstream_desktop.mesh.transport.link import ListenError
from devstream_desktop.node.board import Board
from devstream_desktop.node.renewal import MAX_RETRY_S
from devstream_desktop.node.trust import Trust
from devstream_desktop.team.certificates import TlsKey
from devstream_desktop.team.errors import TeamError
from devstream_desktop.team.joining.renewals import make_renewal
from devstream_desktop.team.team import Team

DAY = 86_400_000


class Care:
    """A founder's care for her team, whose clock can be set."""

    def __init__(self, folder) -> None:
        home = Home(folder / "ana")
        self.days = 0
        self.used: list[str] = []
        self.notices: dict[str, str] = {}
        self.team = Team.create(
            home,
            Vault.open(home),
            "acme",
            "ana",
            now=lambda: round(time.time() * 1000) + self.days * DAY,
        )
        self.trust = Trust(
            home=home,
            team=self.team,
            board=Board(),
            publish=self._publish,
            spawn=lambda work: work.close(),
            use=self._use,
            notices=self.notices,
            here=lambda: ("127.0.0.1:1",),
            addresses=list,
            show=lambda: None,
            ends=lambda _: (),
            find=lambda _: None,
        )

    async def _publish(self, events) -> None: ...

    async def _use(self, credentials) -> None:
        self.used.append(credentials.certificate_pem)
        raise ListenError("the port was taken by another program")


@pytest.fixture
def care(tmp_path, monkeypatch) -> Care:
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return Care(tmp_path)


async def test_the_door_is_tended_though_the_port_of_the_mesh_was_taken(care, monkeypatch) -> None:
    looked = []
    look = care.trust.enrolment.look

    async def noted() -> None:
        looked.append(True)
        await look()

    monkeypatch.setattr(care.trust.enrolment, "look", noted)
    await care.trust.start()
    first = care.trust.credentials().certificate_pem
    care.days = 16
    await care.trust.look()
    assert care.used == [care.team.certificate.pem] != [first], "the new one was shown"
    assert looked, "joins and renewals were not looked at"
    await care.trust.stop()


async def test_a_renewal_that_failed_under_a_wrong_clock_is_not_put_off_by_weeks(
    care, monkeypatch
) -> None:
    async def fails(_addresses, **_) -> None:
        raise TeamError("no issuer could be reached")

    care.trust.credentials()
    care.days = 40
    with monkeypatch.context() as patch:
        patch.setattr(care.team.certificate, "renew", fails)
        await care.trust.look()
    care.days = 16
    later = time.monotonic() + MAX_RETRY_S
    monkeypatch.setattr("devstream_desktop.node.renewal.monotonic", lambda: later, raising=False)
    await care.trust.look()
    assert care.used == [care.team.certificate.pem]
    await care.trust.stop()


async def test_an_issuer_says_whose_certificate_it_could_not_renew(care, monkeypatch) -> None:
    request = TlsKey.generate().request()
    asked = make_renewal(care.team.id, care.team.device, 1, request)
    care.team.renewals.take(asked, own=True)

    def full(_renewals) -> bool:
        raise TeamError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(care.team.admissions, "answer", full)
        await care.trust.renewing._answer()
    (notice,) = care.notices.values()
    assert notice == "the certificate of ana could not be renewed here: the disk is full"
    await care.trust.renewing._answer()
    assert care.notices == {}
    await care.trust.stop()


async def test_a_failed_renewal_is_said_at_once_with_its_reason(care, monkeypatch) -> None:
    async def fails(_addresses, **_) -> None:
        raise TeamError("no issuer could be reached")

    care.trust.credentials()
    care.days = 16
    with monkeypatch.context() as patch:
        patch.setattr(care.team.certificate, "renew", fails)
        await care.trust.look()
    assert "ends in 14 days" in care.notices["certificate"]
    assert "no issuer could be reached" in care.notices["certificate"]
    care.days = 40
    later = time.monotonic() + MAX_RETRY_S
    monkeypatch.setattr("devstream_desktop.node.renewal.monotonic", lambda: later)
    with monkeypatch.context() as patch:
        patch.setattr(care.team.certificate, "renew", fails)
        await care.trust.look()
    assert "certificate ended on" in care.notices["certificate"]
    later += MAX_RETRY_S
    monkeypatch.setattr("devstream_desktop.node.renewal.monotonic", lambda: later)
    await care.trust.look()
    assert "certificate" not in care.notices
    await care.trust.stop()


async def test_a_certificate_that_was_only_due_may_be_disbelieved_at_once(
    care, monkeypatch
) -> None:
    renewing, now, asked = care.trust.renewing, [10_000.0], []

    def spawn(work) -> None:
        asked.append(now[0])
        work.close()

    async def use() -> None: ...

    monkeypatch.setattr(type(care.team.admissions), "open", property(lambda _: False))
    monkeypatch.setattr("devstream_desktop.node.renewal.monotonic", lambda: now[0])
    monkeypatch.setattr(renewing, "_spawn", spawn)
    monkeypatch.setattr(renewing, "_use", use)
    await renewing._renewed()
    # Its authority was put out a moment later.
    renewing.disbelieved()
    assert asked == [10_000.0]
    await renewing._renewed()
    renewing.disbelieved()
    assert asked == [10_000.0], "one that is no better was asked for again and again"
    now[0] += MAX_RETRY_S + 1
    renewing.disbelieved()
    assert asked == [10_000.0, now[0]]
    await care.trust.stop()
