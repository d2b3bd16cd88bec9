"""The people on duty, without those whose desk has vanished."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.control.messages.status import PeerStatus
from devstream_desktop.node.presence import AWAY_MS, SHIFT_MS, Presence, on_duty, presences

NOW = 1_800_000_000_000
HOUR = 3_600_000
PERSONS = {"a1": "ana", "b1": "bo", "b2": "bo", "c1": "chen"}
SAID = {"ana": (NOW - HOUR, True), "bo": (NOW - 2 * HOUR, True), "chen": (NOW - HOUR, False)}


def peer(device: str, state: str, seen: int) -> PeerStatus:
    return PeerStatus(device=device, address="127.0.0.1:1", state=state, seen=seen)


def who(*peers: PeerStatus, words: dict[str, int] | None = None, all_link: bool = True):
    found = presences("a1", peers, words or {}, NOW)
    return on_duty(SAID, PERSONS, found, NOW, all_link=all_link)


def test_whoever_is_linked_is_on_duty_since_they_said_so() -> None:
    assert who(peer("b1", "live", NOW)) == {"ana": NOW - HOUR, "bo": NOW - 2 * HOUR}


def test_one_of_a_persons_devices_is_enough() -> None:
    lost = peer("b1", "lost", NOW - HOUR)
    assert set(who(lost, peer("b2", "syncing", NOW))) == {"ana", "bo"}
    assert set(who(lost)) == {"ana"}


def test_a_short_loss_of_the_link_ends_nothing() -> None:
    assert "bo" in who(peer("b1", "lost", NOW - AWAY_MS + 1))
    assert "bo" not in who(peer("b1", "lost", NOW - AWAY_MS))


def test_whoever_others_link_to_is_believed_for_a_shift() -> None:
    """Behind another router there never was a link; in a large team a lost one tells nothing."""
    assert "bo" in who(words={"b1": NOW - SHIFT_MS + 1})
    assert "bo" not in who(words={"b1": NOW - SHIFT_MS})
    lost = peer("b1", "lost", NOW - HOUR)
    assert "bo" in who(lost, words={"b1": NOW - HOUR}, all_link=False)


def test_off_duty_is_off_duty_however_near() -> None:
    assert "chen" not in who(peer("c1", "live", NOW))


@given(
    st.dictionaries(
        st.sampled_from(sorted(PERSONS)),
        st.builds(Presence, st.booleans(), st.integers(NOW - 2 * SHIFT_MS, NOW), st.booleans()),
    ),
    st.booleans(),
)
def test_more_is_heard_never_less_duty(found: dict[str, Presence], all_link: bool) -> None:
    before = on_duty(SAID, PERSONS, found, NOW, all_link=all_link)
    linked = {device: Presence(linked=True, seen=NOW, met=True) for device in PERSONS}
    assert set(before) <= set(on_duty(SAID, PERSONS, linked, NOW, all_link=all_link))
    assert set(before) <= {"ana", "bo"}
