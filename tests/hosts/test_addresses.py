"""A node in a network of its own that comes and changes: it starts, and names what is true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from network import why_not

from devstream_desktop.team.joining.invite import read_invite

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.process,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "none"),
]
STORY = r"""
set -e
ip link set lo up
devstream() { "$PYTHON" -m devstream_desktop --home "$HOME_OF_ANA" "$@"; }
devstream team create acme --person ana >&2
mkfifo "$FOLDER/ready"
# Not by the function: its subshell would be ended instead of the node.
"$PYTHON" -m devstream_desktop --home "$HOME_OF_ANA" node --no-discovery \
  > "$FOLDER/ready" 2> "$FOLDER/errors" &
node=$!
read -r line < "$FOLDER/ready"
end() { kill $node; wait $node || true; }
trap end EXIT
told() { devstream team invite 2>&1 || true; }
echo "nothing: $(told)"
ip link add d0 type veth peer name d1; ip link set d1 up; ip link set d0 up
ip addr add 169.254.3.3/16 dev d0
echo "link-local: $(told)"
ip addr add 192.168.7.1/24 dev d0
echo "lan: $(told)"
ip addr del 192.168.7.1/24 dev d0; ip addr add 10.9.0.4/24 dev d0
echo "moved: $(told)"
"""


def test_a_node_starts_without_a_network_and_invites_to_the_one_that_it_is_in(
    tmp_path: Path, runtime: Path
) -> None:
    told = subprocess.run(
        ["unshare", "-n", "bash", "-c", STORY],
        env=os.environ
        | {
            "PYTHON": sys.executable,
            "FOLDER": str(tmp_path),
            "HOME_OF_ANA": str(tmp_path / "ana"),
            "DEVSTREAM_KEY_FILE": str(tmp_path / "key"),
            "XDG_RUNTIME_DIR": str(runtime),
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    ).stdout
    found = dict(line.split(": ", 1) for line in told.splitlines())
    for network in ("nothing", "link-local"):
        assert "no network address that another could reach" in found[network]
        assert "--address HOST:" in found[network]
    assert read_invite(found["lan"]).address.startswith("192.168.7.1:")
    assert read_invite(found["moved"]).address.startswith("10.9.0.4:")
