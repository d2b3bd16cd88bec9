"""Secrets of targets: sealed, named, never shown, and a missing one refuses."""

from __future__ import annotations

import json

import pytest

from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.mesh.carrier.nats import missing_client
from devstream_desktop.node.secrets import SecretError, reader, set_secret

pytestmark = pytest.mark.process
VALUE = "s3cret-of-the-forge"
SEED = "SUAMLK2ZNL35WSMW37E7UD4VZ7ELPKW7DHC3BWBSD2GCZ7IUQQXZIORRBU"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    made = Home(tmp_path / "home")
    made.create()
    return made


def test_a_secret_is_read_by_its_name_alone_and_sealed(home):
    set_secret(Vault.open(home), "FORGE_TOKEN", VALUE.encode())
    read = reader(Vault.open(home))
    assert read("FORGE_TOKEN") == VALUE
    assert read("OTHER") is None
    kept = b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    assert VALUE.encode() not in kept


def test_no_target_can_name_another_secret_of_the_home(home):
    Vault.open(home).seal("device", b"the device's key")
    read = reader(Vault.open(home))
    for name in ("device", "../secrets/device", "deploy-device", ""):
        assert read(name) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a b", VALUE),
        ("1A", VALUE),
        ("DEVSTREAM_X", VALUE),
        ("A", ""),
        ("A", "a\0b"),
        ("A", "x" * 17_000),
        ("A" * 65, VALUE),
    ],
)
def test_what_cannot_be_a_secret_is_refused(home, name, value):
    with pytest.raises(SecretError):
        set_secret(Vault.open(home), name, value.encode())


def test_a_node_whose_key_is_its_alone_seals_for_its_commands(world, until, tmp_path):
    """As a systemd service has it: the credential is the node's, and a command has no keyring."""
    ana = world.desk("ana")
    del ana.environment["DEVSTREAM_KEY_FILE"]
    ana.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={tmp_path}/none"
    (tmp_path / "cred").mkdir()
    (tmp_path / "cred" / "devstream-key").write_bytes(bytes(range(32)))
    own = ana.environment | {"CREDENTIALS_DIRECTORY": str(tmp_path / "cred")}
    shell, ana.environment = ana.environment, own
    ana.run("team", "create", "acme", "--person", "ana")
    ana.start()
    ana.environment = shell
    assert "is set" in ana.run("secret", "set", "FORGE_TOKEN", stdin=VALUE)
    assert ana.run("secret", "list") == "FORGE_TOKEN"
    (tmp_path / "address").write_text("http://127.0.0.1:9/hook")
    added = ana.run("out", "add", "chat", "--address-file", str(tmp_path / "address"))
    assert "give the service this key, it is not shown again: whsec_" in added
    assert "it cannot be reached" in ana.run("out", "test", "chat", code=1)
    assert "removed" in ana.run("out", "remove", "chat")
    if not missing_client():
        (tmp_path / "seed").write_text(SEED)
        ana.run("carrier", "add", "nats", "nats://127.0.0.1:9", "--creds", str(tmp_path / "seed"))
        assert "does not work" in ana.run("carrier", "test", code=1)
        ana.run("carrier", "remove", "nats")
    ana.stop()
    # The advice is right there too.
    said = ana.run("secret", "set", "OTHER", stdin=VALUE, code=1)
    assert "or the node of the service that has it" in said
    ana.environment = own
    ana.start()
    ana.environment = shell
    assert "is set" in ana.run("secret", "set", "OTHER", stdin=VALUE)


def test_the_commands_never_show_a_value_and_a_running_node_uses_it(world, until):
    (ana,) = world.team()
    ana.run("team", "grant", "ana", "deployer", "shop/*")
    script = ana.home.root / "deploy.sh"
    script.write_text('#!/bin/sh\necho "with $FORGE_TOKEN"; test "$FORGE_TOKEN" = ' + VALUE)
    script.chmod(0o700)
    ana.home.targets.write_text(
        '[target.shop.staging]\nrun = ["./deploy.sh"]\nsecrets = ["FORGE_TOKEN"]\n'
    )
    ask = ("deploy", "shop", "staging", "--sha", "4f" * 20, "--yes")
    said = ana.run("secret", "list")
    assert said == "no secrets; devstream secret set NAME"
    until("the target is known", lambda: "shop" in str(ana.targets()))
    refused = ana.run(*ask, code=1)
    assert "the secret FORGE_TOKEN that shop staging needs is not set" in refused
    assert "devstream secret set FORGE_TOKEN" in refused
    assert VALUE not in ana.run("secret", "set", "FORGE_TOKEN", stdin=VALUE + "\n")
    assert json.loads(ana.run("secret", "list", "--json")) == ["FORGE_TOKEN"]
    ana.run(*ask)
    logs = [log.read_text() for log in (ana.home.root / "deploy-logs").glob("*.log")]
    assert set(logs) == {"with ***\n"}
    ana.run("secret", "remove", "FORGE_TOKEN")
    assert "is not set" in ana.run(*ask, code=1)
    assert "there is no secret" in ana.run("secret", "remove", "FORGE_TOKEN", code=1)
