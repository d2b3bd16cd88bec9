"""A hundred thousand hostile inputs, spread over every decoder of foreign bytes.

Nothing uncaught, and the memory bounded.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from decoders import Decoder
from fuzz import Figures, UncaughtError, batches, run, table
from inputs import MOST, mutated

from devstream_desktop.intake.registry import collector_names

INPUTS = 100_000
TABLE = table()
ROOT = Path(__file__).parents[2]
DECODES = re.compile(
    r"msgspec\.(json|msgpack|toml)\.(decode|Decoder)|x509\.load_|load_pem_private_key|tomllib\.loads|fromstring\(|parse_qs\(|b32decode"
    r"|b64decode|zlib\.|parsedate|jmespath\.compile|unpack"
)
FUZZED = {
    "cli/import_.py": "lines of an export",
    "control/server_wire.py": "request of a screen",
    "control/wire.py": "answer to a screen",
    "deploy/backends/http.py": "word of a back end",
    "deploy/backends/standard_webhooks.py": "signature of a back end",
    "history/quarantine.py": "stored entry",
    "intake/poll/http_client.py": "headers of an answer",
    "intake/poll/http_poller.py": "answer of github",
    "intake/webhook/certificates.py": "certificate of a service",
    "intake/webhook/masking.py": "body that matched nothing",
    "intake/webhook/decoding.py": "body of a delivery",
    "intake/webhook/signature.py": "proof of linear",
    "mesh/carrier/beat.py": "beat of a relay",
    "mesh/carrier/papers.py": "proof of a broker",
    "mesh/transport/framing.py": "stream of a caller",
    "mesh/replica/digest.py": "request between nodes",
    "mesh/wire/frame.py": "frame",
    "stream/entry.py": "entry",
    "stream/event.py": "event",
    "team/certificates/reading.py": "certificate",
    "team/policy/stored_chain.py": "policy that an admin signed",
    "team/policy/documents.py": "policy document",
    "team/joining/renewals.py": "renewal",
    "team/joining/client.py": "answer at the door",
    "team/joining/packed.py": "packed policies",
    "team/joining/wire.py": "question at the door",
    "team/joining/invite.py": "invite",
    "keys/recovery_key.py": "recovery key",
    "node/saving/restore.py": "list of a backup",
    "outlet/feed_page.py": "headers of a feed's reader",
}
"""The table's decoder that reads the foreign bytes of each module."""
OWN = {
    "cli/rules.py": "the operator's sample",
    "cli/source/commands.py": "what this node answered",
    "config.py": "the operator's file",
    "control/lock.py": "node/test_one_home.py",
    "deploy/backends/shell.py": "deploy/test_supervisor.py",
    "deploy/backends/webhook.py": "the operator's key",
    "deploy/starts.py": "deploy/test_trouble.py",
    "desk/language_choice.py": "the person's file",
    "desktop/client/doctor_process.py": "desktop/test_status_window.py",
    "desktop/windows/history/window.py": "desktop/test_history_state.py",
    "door/tls.py": "this node's key",
    "history/ends.py": "history/test_quarantine.py",
    "history/holdings.py": "history/test_holdings.py",
    "history/repair.py": "history/test_repair.py",
    "intake/poll/file_tail.py": "intake/test_notes.py",
    "intake/poll/git_poller.py": "intake/test_notes.py",
    "intake/health.py": "intake/test_notes.py",
    "intake/config/source_file.py": "the operator's file",
    "intake/webhook/spool.py": "node/test_unreadable.py",
    "intake/webhook/unmatched.py": "intake/test_unmatched.py",
    "outlet/config.py": "outlet/test_outlet.py",
    "private_file.py": "node/test_unreadable.py",
    "outlet/state.py": "outlet/test_outlet.py",
    "mesh/carrier/config.py": "mesh/test_carrier_config.py",
    "mesh/transport/probe.py": "this node's certificate",
    "doctor/home_files.py": "node/test_unreadable.py",
    "keys/key_file.py": "this node's key",
    "team/certificates/tls_key.py": "this node's key",
    "team/own_certificate.py": "this node's key",
    "sealed_list.py": "outlet/test_outlet.py",
    "team_file.py": "node/test_unreadable.py",
}
"""Modules that decode only what this node or its operator wrote, and where that is tested."""


@pytest.mark.process
def test_a_hundred_thousand_inputs_raise_nothing_that_a_decoder_does_not_say() -> None:
    # In a process of its own, whose peak memory is that of the decoders alone; the seed is the same
    # in every run.
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "fuzz.py"), str(INPUTS)],
        env={**os.environ, "FUZZ_SEED": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert " 0 decoders failed" in last, last
    assert int(last.split(" inputs")[0].replace(",", "")) >= INPUTS * 0.99, last


@pytest.mark.parametrize("decoder", TABLE, ids=lambda decoder: decoder.name)
def test_what_is_genuine_is_taken(decoder: Decoder) -> None:
    taken = 0
    for seed in decoder.seeds:
        try:
            decoder.decode(seed)
            taken += 1
        except decoder.errors:
            assert decoder.name.startswith("answer of"), (
                "of a service's answers each is for one of several questions"
            )
    assert taken or decoder.name.startswith("answer of")


def test_no_module_decodes_anything_that_is_not_in_the_table() -> None:
    package = ROOT / "devstream_desktop"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if DECODES.search(path.read_text())
    }
    assert found == {*FUZZED, *OWN}
    assert set(FUZZED.values()) <= {decoder.name for decoder in TABLE}
    types = {decoder.name.rpartition(" of ")[2] for decoder in TABLE}
    assert {name for name in collector_names() if name != "git"} <= types


def test_each_decoder_has_its_turn_and_they_get_what_was_asked_for() -> None:
    given = {decoder.name: 0 for decoder in TABLE}
    for decoder, count in batches(TABLE, INPUTS):
        given[decoder.name] += count
    assert all(given.values())
    assert abs(sum(given.values()) - INPUTS) < len(TABLE)
    assert len(given) == len(TABLE), "names are told apart"


def test_what_a_decoder_does_not_say_is_told_with_its_input() -> None:
    def odd(data: bytes) -> None:
        raise ZeroDivisionError if len(data) % 7 == 3 else ValueError

    decoder = Decoder("odd", odd, [b"abcdef"], (ValueError,))
    with pytest.raises(UncaughtError, match=r"odd raised ZeroDivisionError.*\ninput: [0-9a-f]"):
        run(decoder, 1000, random.Random(1), Figures(decoder))


def test_inputs_are_other_than_the_seeds_and_bounded() -> None:
    rng = random.Random(1)
    seeds = [bytes(range(40)), b'{"a": [1, 2], "b": "text"}']
    made = {mutated(rng, seeds) for _ in range(2000)}
    assert len(made) > 1800
    assert max(map(len, made)) <= MOST
    assert any(len(one) > 5000 for one in made)
