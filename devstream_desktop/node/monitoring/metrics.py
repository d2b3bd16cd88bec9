"""Metrics of a node in Prometheus' text format.

Names follow Prometheus' own advice (https://prometheus.io/docs/practices/naming): base units, times
as UTC seconds, `_total` for what only grows since the node began. No label holds a person, a
device, an address or a text that somebody else wrote, so neither a member nor a sender can make
series, and none tells a secret.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from devstream_desktop.control.messages.status import SourceStatus, Status
from devstream_desktop.node.monitoring.tally import OTHER, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_NAMED = 200
"""Sources and outlets that have series of their own; the rest is counted together."""
PEER_STATES = ("connecting", "syncing", "live", "lost")
_OF_SOURCES: tuple[tuple[str, str, Callable[[SourceStatus], int]], ...] = (
    ("devstream_deliveries", "Authentic deliveries.", lambda one: one.accepted),
    ("devstream_deliveries_refused", "Deliveries without proof.", lambda one: one.refused),
    (
        "devstream_deliveries_dropped",
        "Facts that made no line.",
        lambda one: sum(one.dropped.values()),
    ),
    ("devstream_source_failures", "Rounds of a poller that failed.", lambda one: one.failures),
)
"""Counters by source."""
_SOURCE_STATES = ("new", "active", "silent", "broken")


@dataclass(frozen=True)
class Facts:
    """Everything that the metrics tell of one moment."""

    status: Status
    tally: Tally
    spool: int
    """Deliveries that are stored and not published."""
    running: int
    """Deploys that run at this executor."""
    started: float
    """Time when the node began, UTC seconds."""


def render(facts: Facts) -> bytes:
    """Return the page; its media type is `CONTENT_TYPE`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(list(_families(facts))))
    return generate_latest(registry)


class _Once(Collector):
    """Hands out what was collected."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(facts: Facts) -> Iterator[Metric]:
    status = facts.status
    about = GaugeMetricFamily("devstream_build_info", "Version of this node.", labels=["version"])
    about.add_metric([status.version], 1)
    yield about
    yield _gauge("devstream_start_time_seconds", "Time when the node began.", facts.started)
    yield _gauge("devstream_notices", "Faults that devstream status tells.", len(status.notices))
    yield from _events(facts)
    yield from _sources(facts)
    yield from _outlets(status)
    yield from _mesh(status)
    yield from _stores(status)
    yield from _team(status)


def _events(facts: Facts) -> Iterator[Metric]:
    events = CounterMetricFamily(
        "devstream_events",
        "Events that came into the history, by kind and by source of this home.",
        labels=["kind", "source"],
    )
    for (kind, source), number in sorted(facts.tally.events.items()):
        events.add_metric([kind, source], number)
    yield events
    deploys = CounterMetricFamily(
        "devstream_deploys", "Events of deploys that came into the history.", labels=["state"]
    )
    for state, number in sorted(facts.tally.deploys.items()):
        deploys.add_metric([state], number)
    yield deploys
    yield _gauge("devstream_deploys_running", "Deploys that run here.", facts.running)
    yield _gauge("devstream_targets", "Targets that the team can deploy.", facts.status.targets)


def _sources(facts: Facts) -> Iterator[Metric]:
    yield _gauge("devstream_spool_deliveries", "Deliveries that wait here.", facts.spool)
    sources = facts.status.sources
    states = Counter(one.state for one in sources)
    yield _by(
        GaugeMetricFamily("devstream_sources", "Sources by state.", labels=["state"]),
        ((state, states[state]) for state in _SOURCE_STATES),
    )
    for name, about, value in _OF_SOURCES:
        told = Counter[str]()
        for label, one in _named(sources):
            told[label] += value(one)
        yield _by(CounterMetricFamily(name, about, labels=["source"]), told.items())
    named = [(label, one) for label, one in _named(sources) if label != OTHER]
    yield _by(
        GaugeMetricFamily(
            "devstream_source_last_seen_timestamp_seconds",
            "Time when a source was last heard of.",
            labels=["source"],
        ),
        ((label, one.seen / 1000) for label, one in named if one.seen),
    )
    yield _by(
        GaugeMetricFamily(
            "devstream_source_expected_seconds",
            "Time within which a source should be heard of.",
            labels=["source"],
        ),
        ((label, one.expected) for label, one in named if one.expected),
    )
    yield _by(
        GaugeMetricFamily(
            "devstream_source_token_expiry_timestamp_seconds",
            "End of the token that a source is polled with.",
            labels=["source"],
        ),
        ((label, one.token_ends / 1000) for label, one in named if one.token_ends),
    )


def _outlets(status: Status) -> Iterator[Metric]:
    named = status.outlets[:MAX_NAMED]
    yield _by(
        GaugeMetricFamily(
            "devstream_outlet_waiting_lines", "Lines that are not posted.", labels=["outlet"]
        ),
        ((one.name, one.waiting) for one in named),
    )
    yield _by(
        GaugeMetricFamily(
            "devstream_outlet_failing", "1 where an outlet cannot post.", labels=["outlet"]
        ),
        ((one.name, one.state in ("failing", "broken")) for one in named),
    )


def _mesh(status: Status) -> Iterator[Metric]:
    states = Counter(one.state for one in status.peers)
    yield _by(
        GaugeMetricFamily("devstream_peers", "Peers by state.", labels=["state"]),
        ((state, states[state]) for state in PEER_STATES),
    )
    refused = sum(one.count for one in status.refused)
    yield _gauge("devstream_peers_refused", "Peers that were refused lately.", refused)
    behind = max((one.behind for one in status.peers), default=0)
    yield _gauge("devstream_behind_events", "Events that one peer has and this lacks.", behind)
    lag = max((one.lag for one in status.peers if one.state == "live"), default=0)
    yield _gauge("devstream_peer_lag_events", "Events that one live peer has not taken.", lag)
    offset = max((abs(one.clock_offset) for one in status.peers), default=0) / 1000
    yield _gauge("devstream_clock_offset_seconds", "Largest difference to a peer's clock.", offset)
    yield _gauge("devstream_catch_up_events", "Events that are missing.", status.missing)
    yield _gauge(
        "devstream_catch_up_at_first_events",
        "Events that were missing when this catch-up began.",
        status.catch_up_total,
    )
    yield _gauge("devstream_lost_authors", "Authors whose events do not come.", len(status.lost))


def _stores(status: Status) -> Iterator[Metric]:
    yield _gauge("devstream_history_events", "Events in the history.", status.events)
    yield _gauge("devstream_history_bytes", "Size of the history.", status.history_bytes)
    yield _gauge(
        "devstream_history_newest_timestamp_seconds", "Newest event's time.", status.newest / 1000
    )
    yield _gauge("devstream_disk_free_bytes", "Room on the disk of the home.", status.disk_free)


def _team(status: Status) -> Iterator[Metric]:
    yield _gauge("devstream_members", "People in the team.", status.members)
    yield _gauge(
        "devstream_policy_version", "Version of the policy in force.", status.policy_version
    )
    yield _gauge(
        "devstream_policy_expiry_timestamp_seconds",
        "End of the policy.",
        status.policy_expires / 1000,
    )
    yield _gauge(
        "devstream_certificate_expiry_timestamp_seconds",
        "End of this device's certificate.",
        status.certificate_expires / 1000,
    )


def _named(sources: Sequence[SourceStatus]) -> Iterator[tuple[str, SourceStatus]]:
    for place, one in enumerate(sources):
        yield (one.name if place < MAX_NAMED else OTHER), one


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value)


def _by(
    family: GaugeMetricFamily | CounterMetricFamily, values: Iterable[tuple[str, float]]
) -> Metric:
    for label, value in values:
        family.add_metric([label], value)
    return family
