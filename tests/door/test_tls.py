"""The contexts of a TLS server.

The key is never in clear on a disk, and a certificate is asked for where one must be shown.
"""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from forgery import authority, leaf

from devstream_desktop.door.tls import server_context

CA = authority()
OWN = leaf(CA, "own")


def test_the_key_is_for_a_moment_on_the_disk_encrypted_and_the_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    load = ssl.SSLContext.load_cert_chain

    def looked_at(context: ssl.SSLContext, name: str, **given: object) -> None:
        seen.append((Path(name).read_text(), stat.S_IMODE(Path(name).stat().st_mode)))
        load(context, name, **given)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", looked_at)
    server_context(OWN.pem, OWN.key_pem, tmp_path)
    ((content, mode),) = seen
    assert "ENCRYPTED PRIVATE KEY" in content
    assert OWN.key_pem.splitlines()[1] not in content
    assert mode == 0o600
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_of_another_key_is_none_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLError):
        server_context(OWN.pem, leaf(CA, "other").key_pem, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("authorities", ["", "no certificate", CA.pem[:-40]])
def test_authorities_that_cannot_be_read_are_no_reason_to_ask_for_none(
    tmp_path: Path, authorities: str
) -> None:
    with pytest.raises((OSError, ValueError)):
        server_context(OWN.pem, OWN.key_pem, tmp_path, callers_ca_pem=authorities)


def test_a_caller_is_asked_where_it_must_show_one_and_nothing_outlives_the_connection(
    tmp_path: Path,
) -> None:
    for authorities, mode in ((None, ssl.CERT_NONE), (CA.pem, ssl.CERT_REQUIRED)):
        context = server_context(OWN.pem, OWN.key_pem, tmp_path, callers_ca_pem=authorities)
        assert context.verify_mode is mode
        assert context.num_tickets == 0
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
