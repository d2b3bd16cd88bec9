"""The chain of policies in few bytes, for a newcomer.

Each version repeats nearly all of the one before: 600 versions of a team of 300 devices, 19 MB,
take 0.1 MB. A newcomer behind a slow line could not wait for them otherwise.

    packed = xz (https://tukaani.org/xz/xz-file-format.txt) of msgpack [document, ...], version 1
             first
"""

from __future__ import annotations

import lzma
from collections.abc import Sequence

import msgspec

from devstream_desktop.stream.bounds import check_msgpack
from devstream_desktop.team.joining.wire import MalformedFrameError

MAX_UNPACKED = 256 << 20
"""Most bytes of all documents: some 5,000 versions of a team of 300 devices."""
_PRESET = 1
"""Of xz: it looks back 1 MiB, further than the longest document."""
_MEMORY = 16 << 20
"""Bytes that unpacking may use, besides what comes out; with this preset it needs 1 MiB."""
_MAX_VALUES = 100_000

_decode = msgspec.msgpack.Decoder(tuple[bytes, ...]).decode


def pack(documents: Sequence[bytes]) -> bytes:
    """Pack documents; it takes about 20 ms a MiB, so not in the node's loop."""
    return lzma.compress(msgspec.msgpack.encode(documents), preset=_PRESET)


def unpack(content: bytes) -> tuple[bytes, ...]:
    """Return the documents, which nobody has checked.

    Raises:
        MalformedFrameError: it is not what `pack` makes, or unpacks to more than `MAX_UNPACKED`.

    """
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        # A few bytes could unpack to any number.
        plain = unpacker.decompress(content, MAX_UNPACKED)
        if not unpacker.eof or unpacker.unused_data:
            raise MalformedFrameError("the policies are cut short, or unpack to too many bytes")
        check_msgpack(plain, _MAX_VALUES)
        return _decode(plain)
    except (lzma.LZMAError, EOFError, ValueError) as error:
        raise MalformedFrameError(str(error)) from None
