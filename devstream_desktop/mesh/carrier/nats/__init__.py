"""NATS JetStream as a broker. The only package that knows its client, nats-py.

    devstream-TEAM          devstream.TEAM.feed.DEVICE.EPOCH     signature[64], body
    devstream-TEAM-papers   devstream.TEAM.paper.KIND.HASH       the newest of each subject
    in no stream            devstream.TEAM.site.SITE             signature[64], a beat

The client is imported when somebody connects: without the extra `nats` nothing of this is needed.
"""

from devstream_desktop.mesh.carrier.nats.access import Access, missing_client, proves
from devstream_desktop.mesh.carrier.nats.broker import NatsBroker, Wanted

__all__ = ["Access", "NatsBroker", "Wanted", "missing_client", "proves"]
