"""Real nodes on loopback: mutual TLS, real logs, nothing in place of anything."""

from __future__ import annotations

import asyncio
import ssl
import time

import pytest

from devstream_desktop.control.messages.status import Why
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.mesh.transport.link import SERVER_NAME, Credentials, ListenError
from devstream_desktop.stream.entry import device_id


async def test_what_one_says_all_have_also_over_a_middle_node(make_node):
    middle = await make_node()
    left = await make_node(peers=[middle])
    right = await make_node(peers=[middle])
    await left.say("a push")
    await right.until(lambda: "a push" in right.titles())
    # The one on the right may have learnt where the one on the left is, and had it first.
    await middle.until(lambda: middle.titles() == ["a push"])
    assert right.entries[0].body == left.entries[0].body


async def test_a_newcomer_gets_all_that_was_said_before(make_node):
    first = await make_node()
    await first.say(*(f"commit {n}" for n in range(1000)))
    started = time.monotonic()
    second = await make_node(peers=[first])
    await second.until(lambda: second.history.seen() == 1000)
    assert time.monotonic() - started < 20
    status = second.mesh.status()
    assert (status.events, status.catching_up, status.feeds) == (1000, 0, 1)


async def test_a_catch_up_says_how_far_it_is(make_node):
    first = await make_node()
    await first.say(*(f"commit {n}" for n in range(3000)))
    second = await make_node(peers=[first])
    seen = []
    second.watch = lambda: seen.append(second.mesh.catch_up())
    second.history.on_group = second.watch
    await second.until(lambda: second.history.seen() == 3000)
    assert {total for missing, total in seen if missing} == {3000}
    assert [missing for missing, _ in seen] == sorted(
        (missing for missing, _ in seen), reverse=True
    )
    assert len({missing for missing, _ in seen}) > 2, "it was told on the way"
    await second.until(second.live)
    status = second.mesh.status()
    assert (status.catching_up, status.catch_up_total, status.missing) == (0, 0, ())


async def test_what_nobody_has_is_missing_and_not_on_its_way(make_node):
    author, keeper, late = await make_node(), await make_node(), await make_node()
    entries = await author.say(*(f"commit {n}" for n in range(9)))
    for entry in entries[:3] + entries[5:]:
        keeper.mesh._core.replica.rules.ingest(
            [signed(entry)], author.device, int(time.time() * 1000)
        )
    await author.stop()
    make_node.nodes.remove(author)
    late.mesh.add_peer(keeper.address)
    await late.until(lambda: len(late.entries) == 7)
    for node in (late, keeper):
        await node.until(node.live)
        await node.until(lambda node=node: node.mesh.status().missing)
        (missing,) = node.mesh.status().missing
        assert (missing.device, missing.why, missing.count) == (author.device, Why.NOBODY, 2)
        assert node.mesh.status().catching_up == 0


async def test_the_one_who_is_dialed_catches_up_as_well(make_node):
    first = await make_node()
    second = await make_node()
    await second.say(*(f"commit {n}" for n in range(900)))
    second.mesh.add_peer(first.address)
    await first.until(lambda: len(first.entries) == 900)


async def test_a_node_that_was_away_gets_what_it_missed(make_node, team):
    first = await make_node()
    second = await make_node(peers=[first], name="away")
    await first.say("before")
    await second.until(lambda: second.entries)
    make_node.nodes.remove(second)
    await second.stop()
    await first.say(*(f"missed {n}" for n in range(50)))
    back = await make_node(peers=[first], name="away", signing=second.signing)
    await back.until(lambda: len(back.entries) == 50)
    assert back.titles()[-1] == "missed 49"


async def test_all_three_dialing_each_other_end_with_one_link_a_pair(make_node):
    nodes = [await make_node() for _ in range(3)]
    for node in nodes:
        for other in nodes:
            if other is not node:
                node.mesh.add_peer(other.address)
    devices = {node.device for node in nodes}

    def settled():
        dialed = [p for n in nodes for p in n.mesh.status().peers if p.direction == "dialed"]
        return len(dialed) == 3 and all(n.live() == devices - {n.device} for n in nodes)

    await nodes[0].until(settled)
    await asyncio.gather(*(node.say(f"from {n}") for n, node in enumerate(nodes)))
    for node in nodes:
        await node.until(lambda node=node: len(node.entries) == 3)


async def test_addresses_travel(make_node):
    middle = await make_node()
    left = await make_node(peers=[middle])
    await left.until(left.live)
    right = await make_node(peers=[middle])
    await right.until(
        lambda: left.device in right.live() | {p.device for p in left.mesh.status().peers}
    )
    assert middle.address in right.mesh.known_addresses()


async def test_many_published_at_once_share_commits_and_keep_their_order(make_node):
    node = await make_node()
    answers = await asyncio.gather(*(node.say(f"{n}a", f"{n}b") for n in range(20)))
    assert [entry.seq for entries in answers for entry in entries] == list(range(1, 41))
    assert node.titles() == [f"{n}{letter}" for n in range(20) for letter in "ab"]


async def test_a_payload_that_is_too_large_takes_no_other_with_it(make_node):
    node = await make_node()
    results = await asyncio.gather(
        node.say("one"),
        node.mesh.publish([b"\xc5\x13\x88" + bytes(5000)]),
        node.say("two"),
        return_exceptions=True,
    )
    assert isinstance(results[1], ValueError)
    assert node.titles() == ["one", "two"]


async def test_policies_reach_both_ways_and_what_overtook_them_is_fetched_again(make_node):
    first = await make_node()
    second = await make_node(peers=[first])
    await second.until(second.live)
    second.unwelcome = "its role is not known yet"
    await first.say("early")
    await asyncio.sleep(0.2)
    assert second.entries == []
    second.unwelcome = ""
    first.policies.chain.append(b"x")
    first.mesh.policy_changed()
    await second.until(lambda: second.titles() == ["early"], seconds=3)
    assert second.policies.version() == 1
    second.policies.chain.append(b"xx")
    second.mesh.policy_changed()
    await first.until(lambda: first.policies.version() == 2, seconds=3)


async def test_a_caller_that_overtook_its_policy_is_asked_again_as_well(make_node):
    first = await make_node()
    second = await make_node(peers=[first])
    await second.until(second.live)
    first.unwelcome = "its role is not known yet"
    await second.say("early")
    await asyncio.sleep(0.2)
    assert first.entries == []
    first.unwelcome = ""
    first.policies.chain.append(b"x")
    first.mesh.policy_changed()
    await first.until(lambda: first.titles() == ["early"], seconds=3)


async def test_a_revoked_device_is_cut_off(make_node):
    first = await make_node()
    second = await make_node(peers=[first])
    await second.until(second.live)
    first.barred[second.device] = "it was revoked"
    first.policies.chain.append(b"x")
    first.mesh.policy_changed()
    await second.until(lambda: not second.live())
    await first.say("secret")
    await first.until(lambda: "it was revoked" in first.refusals())
    assert second.entries == []
    await second.until(lambda: "rejected this device" in second.refusals())


async def test_a_peer_of_another_team_is_refused_and_both_can_see_it(make_node, other_team):
    first = await make_node()
    stranger = await make_node(of=other_team, peers=[first])
    await stranger.until(lambda: "it belongs to another team" in stranger.refusals())
    await first.until(lambda: "TLS failed: another team" in first.refusals())
    assert first.mesh.status().peers == ()


async def test_a_strange_name_in_a_good_certificate_is_refused(make_node, team):
    first = await make_node()
    odd = await make_node(credentials=team.credentials("anna"), peers=[first])
    await first.until(lambda: "does not name a device" in first.refusals())
    assert "anna" in first.refusals()
    await odd.until(odd.refusals)
    assert not odd.live()


async def test_an_expired_certificate_is_told_as_such(make_node, team):
    first = await make_node()
    late = await make_node(
        credentials=team.credentials(device_id(b"k" * 32), start=-40), peers=[first]
    )
    await late.until(lambda: "expired on" in late.refusals())


async def test_a_gate_that_fails_lets_nobody_in(make_node):
    def broken(device):
        raise KeyError(device)

    first = await make_node(gate=broken)
    second = await make_node(peers=[first])
    await first.until(lambda: "could not be checked (KeyError)" in first.refusals())
    assert not second.live()


async def test_a_full_disk_loses_nothing_and_is_no_acknowledgement(make_node, monkeypatch):
    first = await make_node()
    second = await make_node(peers=[first])
    await second.until(second.live)
    add = second.history.add

    def full(arrivals, *, durable=False):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(second.history, "add", full)
    await first.say("one")
    await second.until(lambda: not second.live())
    monkeypatch.setattr(second.history, "add", add)
    await second.until(lambda: second.titles() == ["one"])


async def test_a_new_certificate_is_taken_up_without_a_restart(make_node, team):
    first = await make_node()
    second = await make_node(peers=[first])
    await second.until(second.live)
    fresh = team.credentials(first.device)
    await first.mesh.renew(fresh)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=fresh.ca_pem)
    _, writer = await asyncio.open_connection(
        "127.0.0.1", int(first.address.split(":")[1]), ssl=context, server_hostname=SERVER_NAME
    )
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert shown == ssl.PEM_cert_to_DER_cert(fresh.certificate_pem)
    await first.say("after")
    await second.until(lambda: second.titles() == ["after"])


async def test_a_new_certificate_under_live_links_brings_all_back_and_loses_nothing(
    make_node, team
):
    hub = await make_node()
    others = [await make_node(peers=[hub]) for _ in range(3)]
    hub.mesh.add_peer(others[0].address)
    devices = {node.device for node in others}
    await hub.until(lambda: hub.live() == devices)
    said = 0
    for _ in range(3):
        for node in (hub, *others):
            await node.say(f"before {said}")
            said += 1
        await hub.mesh.renew(team.credentials(hub.device))
        for node in (hub, *others):
            await node.say(f"after {said}")
            said += 1
        for node in (hub, *others):
            await node.until(lambda node=node, said=said: len(node.entries) == said)
            assert len({entry.id for entry in node.entries}) == said
    await hub.until(lambda: hub.live() == devices)


async def test_a_dialed_link_ends_with_the_trust_in_what_its_peer_showed(make_node, team):
    first = await make_node()
    second = await make_node(peers=[first])
    await second.until(second.live)
    other = type(team)("rivals")
    # The first is not told, and would keep the link.
    await second.mesh.renew(team.credentials(second.device, ca=other))
    await second.until(lambda: not second.live())
    await second.mesh.renew(team.credentials(second.device))
    await second.until(second.live)


async def test_a_certificate_that_cannot_be_used_leaves_the_old_one_listening(make_node, team):
    hub = await make_node()
    good = team.credentials(hub.device)
    with pytest.raises(ListenError, match="certificate cannot be used"):
        await hub.mesh.renew(Credentials(good.ca_pem, good.certificate_pem, "no key"))
    other = await make_node(peers=[hub])
    await other.until(other.live)


async def test_stop_with_everything_parked_is_quick(make_node):
    first = await make_node(timing=Timing())
    others = [await make_node(peers=[first], timing=Timing()) for _ in range(3)]
    for node in others:
        await node.until(node.live)
    started = time.monotonic()
    await asyncio.gather(*(node.mesh.stop() for node in (first, *others)))
    assert time.monotonic() - started < Timing().tail_wait / 2


async def test_a_history_that_is_too_large_forgets_its_oldest_and_does_not_take_them_back(
    make_node, monkeypatch
) -> None:
    from devstream_desktop.history import shares

    ana = await make_node()
    for number in range(20):
        await ana.say(*(f"{number} {n}" for n in range(100)))
    bob = await make_node(peers=[ana])
    await bob.until(lambda: len(bob.entries) == 2000)
    bob.history.checkpoint()
    monkeypatch.setattr(shares, "MOST_BYTES", bob.history.path.stat().st_size // 2)
    gone = await bob.mesh.forget(shares.floors(bob.history.path, lambda _: 1))
    assert 400 < gone < 1900
    await ana.say("later")
    await bob.until(lambda: "later" in bob.titles())
    assert bob.mesh.status().events == 2001 - gone
    assert ana.mesh.status().events == 2001
