"""Self-test of the transport library: its versions, and one message through it."""

from __future__ import annotations

import secrets

import pynng

from devstream_desktop.control.errors import ControlError

_WAIT_MS = 2_000


def transport() -> str:
    """Send a message over nng; returns the versions of pynng, nng and its TLS.

    Raises:
        ControlError: it does not work, or has no TLS.
    """
    url = f"inproc://self-test-{secrets.token_hex(8)}"
    try:
        with (
            pynng.Rep0(listen=url, recv_timeout=_WAIT_MS, send_timeout=_WAIT_MS) as answering,
            pynng.Req0(dial=url, recv_timeout=_WAIT_MS, send_timeout=_WAIT_MS) as asking,
        ):
            asking.send(b"well?")
            answering.send(answering.recv())
            if asking.recv() != b"well?":
                raise ControlError("the transport library returned another message than was sent")
        nng = bytes(pynng.ffi.string(pynng.lib.nng_version())).decode()
        tls = bytes(pynng.ffi.string(pynng.lib.nng_tls_engine_description())).decode()
        pynng.TLSConfig(pynng.TLSConfig.MODE_CLIENT)
    except pynng.NNGException as error:
        raise ControlError(f"the transport library does not work here ({error})") from error
    return f"pynng {pynng.__version__}, nng {nng}, {tls}"
