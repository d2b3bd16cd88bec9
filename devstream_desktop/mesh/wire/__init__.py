"""The messages between two nodes as typed structs: decoding is validation.

A frame is one flag byte (0 plain, 1 zlib) and a msgpack array `[tag, fields...]`. The dialer asks,
the listener answers:

    HELLO   who I am, my policy's version, my clock     -> Welcome, or Refused (other team, busy)
    TAIL    what arrived after my cursor, wait for it   -> News: entries, the new cursor, a summary
    PUSH    entries that you lack                       -> Pushed: how many were stored
    DIGEST  64 hashes over all feeds                    -> Records of the buckets that differ
    OFFER   my records of those buckets, a page of them -> Wants: what of it the listener lacks
    FETCH   ranges of feeds, newest first               -> Entries, at most one batch
    PEERS   where others are                            -> PeerList
    PROOF   proofs of frozen feeds, given and asked     -> Proofs
    POLICY  signed policy documents, given and asked    -> Policies
    ASKNODE a question to this node alone, without HELLO -> NodeAnswer, or Refused

A field more than we know is ignored, so new ones are added at the end.
"""

from devstream_desktop.mesh.wire.frame import (
    COMPRESS_FROM,
    EXPANDED_BYTES,
    MalformedMessageError,
    decode_reply,
    decode_request,
    encode,
)
from devstream_desktop.mesh.wire.messages import (
    AskNode,
    AskPeers,
    AskPolicy,
    Digest,
    Entries,
    Fetch,
    Hello,
    News,
    NodeAnswer,
    Offer,
    PeerList,
    Policies,
    Proof,
    Proofs,
    Push,
    Pushed,
    Records,
    Refused,
    Reply,
    Request,
    Tail,
    Wants,
    Welcome,
)
from devstream_desktop.mesh.wire.values import (
    ANSWER_BYTES,
    ASK_BYTES,
    BATCH_BYTES,
    BUCKET_BYTES,
    BUCKETS,
    MAX_ADDRESSES,
    MAX_DOCUMENTS,
    MAX_GAPS,
    MAX_PAIRS,
    MAX_PEERS,
    MAX_RANGES,
    MAX_RECORDS,
    MESSAGE_BYTES,
    PAGE_BYTES,
    PROTOCOL,
    Number,
    Pair,
    PeerAddress,
    Place,
    Range,
    Record,
    Short,
    SignedEntry,
    record_bytes,
)

__all__ = [
    "ANSWER_BYTES",
    "ASK_BYTES",
    "BATCH_BYTES",
    "BUCKETS",
    "BUCKET_BYTES",
    "COMPRESS_FROM",
    "EXPANDED_BYTES",
    "MAX_ADDRESSES",
    "MAX_DOCUMENTS",
    "MAX_GAPS",
    "MAX_PAIRS",
    "MAX_PEERS",
    "MAX_RANGES",
    "MAX_RECORDS",
    "MESSAGE_BYTES",
    "PAGE_BYTES",
    "PROTOCOL",
    "AskNode",
    "AskPeers",
    "AskPolicy",
    "Digest",
    "Entries",
    "Fetch",
    "Hello",
    "MalformedMessageError",
    "News",
    "NodeAnswer",
    "Number",
    "Offer",
    "Pair",
    "PeerAddress",
    "PeerList",
    "Place",
    "Policies",
    "Proof",
    "Proofs",
    "Push",
    "Pushed",
    "Range",
    "Record",
    "Records",
    "Refused",
    "Reply",
    "Request",
    "Short",
    "SignedEntry",
    "Tail",
    "Wants",
    "Welcome",
    "decode_reply",
    "decode_request",
    "encode",
    "record_bytes",
]
