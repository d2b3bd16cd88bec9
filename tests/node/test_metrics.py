"""`/health` and `/metrics` of a node, and what is made from them."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from devstream_desktop.control.messages.status import (
    OutletStatus,
    PeerStatus,
    RefusedStatus,
    SourceStatus,
    Status,
)
from devstream_desktop.node.monitoring.metrics import MAX_NAMED, Facts, render
from devstream_desktop.node.monitoring.page import Page
from devstream_desktop.node.monitoring.tally import Tally
from devstream_desktop.node.monitoring.watch import Watch
from devstream_desktop.stream.event import Event, make_event
from devstream_desktop.stream.words import Kind

MONITORING = Path(__file__).parents[2] / "resources" / "monitoring"


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Each series by name and label values, as another reader of the format has it."""
    return {
        (one.name, tuple(one.labels.values())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def facts(status: Status, tally: Tally | None = None) -> Facts:
    return Facts(status=status, tally=tally or Tally(), spool=7, running=1, started=5.0)


def event(source: str, kind: Kind = Kind.CHANGE, state: str = "pushed") -> Event:
    return make_event(
        kind=kind, state=state, service="shop", subject="x", key="0" * 32, time=1, source=source
    )


STATUS = Status(
    version="1.2.3",
    person="ana",
    device="d0d0",
    peers=(
        PeerStatus(device="secret-device", address="10.1.2.3:1", state="live", lag=3, behind=2),
        PeerStatus(device="", address="10.1.2.4:1", state="lost", clock_offset=-2_500),
    ),
    refused=(RefusedStatus(address="10.9.9.9", device="", reason="no member", count=4, seen=1),),
    sources=(
        SourceStatus(
            name="shop",
            type="github",
            location="/in/shop",
            state="active",
            seen=9_000,
            accepted=5,
            refused=2,
            failures=3,
            dropped={"bot": 1, "fork": 2},
            expected=60,
        ),
    ),
    outlets=(OutletStatus(name="chat", form="chat", location="x", state="failing", waiting=11),),
    missing=8,
    history_bytes=1_000,
    disk_free=2_000,
    certificate_expires=4_000,
    policy_expires=6_000,
)


def test_each_figure_is_the_nodes() -> None:
    tally = Tally()
    tally.note([event("shop"), event("shop"), event("", Kind.DEPLOY, "success")], sources={"shop"})
    found = samples(render(facts(STATUS, tally)).decode())
    assert found["devstream_build_info", ("1.2.3",)] == 1
    assert found["devstream_events_total", ("change", "shop")] == 2
    assert found["devstream_events_total", ("deploy", "other")] == 1
    assert found["devstream_deploys_total", ("success",)] == 1
    assert found["devstream_deliveries_total", ("shop",)] == 5
    assert found["devstream_deliveries_refused_total", ("shop",)] == 2
    assert found["devstream_deliveries_dropped_total", ("shop",)] == 3
    assert found["devstream_source_failures_total", ("shop",)] == 3
    assert found["devstream_source_last_seen_timestamp_seconds", ("shop",)] == 9
    assert found["devstream_sources", ("active",)] == 1
    assert found["devstream_peers", ("live",)] == 1
    assert found["devstream_peers_refused", ()] == 4
    assert found["devstream_peer_lag_events", ()] == 3
    assert found["devstream_clock_offset_seconds", ()] == 2.5
    assert found["devstream_catch_up_events", ()] == 8
    assert found["devstream_spool_deliveries", ()] == 7
    assert found["devstream_outlet_failing", ("chat",)] == 1
    assert found["devstream_certificate_expiry_timestamp_seconds", ()] == 4
    assert found["devstream_disk_free_bytes", ()] == 2_000


def test_no_label_names_a_person_a_device_or_an_address() -> None:
    text = render(facts(STATUS)).decode()
    assert not re.search(r"secret-device|10\.|ana|d0d0|no member", text)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=40))
def test_no_member_can_make_series(names: list[str]) -> None:
    tally = Tally()
    tally.note(map(event, names), sources={"shop"})
    assert {source for _, source in tally.events} <= {"shop", "other"}
    assert sum(tally.events.values()) == len(names)


def test_a_thousand_sources_have_a_bounded_number_of_series() -> None:
    sources = tuple(
        SourceStatus(name=f"s{n}", type="git", location="", state="active", accepted=1)
        for n in range(1_000)
    )
    found = samples(render(facts(Status(version="1", sources=sources))).decode())
    told = {key: value for key, value in found.items() if key[0] == "devstream_deliveries_total"}
    assert len(told) == MAX_NAMED + 1
    assert sum(told.values()) == 1_000
    assert told["devstream_deliveries_total", ("other",)] == 1_000 - MAX_NAMED


class Node:
    """The two questions that a page asks."""

    def __init__(self) -> None:
        self.why: list[str] = []
        self.rendered = 0

    async def render(self) -> bytes:
        self.rendered += 1
        return b"devstream_up 1\n"


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
async def page(node: Node) -> AsyncIterator[Page]:
    made = Page("127.0.0.1", 0, node.render, lambda: node.why)
    await made.start()
    yield made
    await made.stop()


def ask(url: str, path: str, host: str = "", method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


async def test_alive_and_ready_are_two_answers(page: Page, node: Node) -> None:
    assert await asyncio.to_thread(ask, page.url, "/health/ready") == (200, '{"status":"ready"}')
    node.why = ["disk full"]
    status, body = await asyncio.to_thread(ask, page.url, "/health")
    assert (status, json.loads(body)) == (503, {"status": "not ready", "why": ["disk full"]})
    assert (await asyncio.to_thread(ask, page.url, "/health/live"))[0] == 200
    assert (await asyncio.to_thread(ask, page.url, "/metrics", "", "POST"))[0] == 405
    assert (await asyncio.to_thread(ask, page.url, "/metrics/../in/x"))[0] == 404


async def test_who_asks_often_costs_one_look(page: Page, node: Node) -> None:
    asked = [asyncio.to_thread(ask, page.url, "/metrics") for _ in range(20)]
    assert await asyncio.gather(*asked) == [(200, "devstream_up 1\n")] * 20
    assert node.rendered == 1


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", ""])
@pytest.mark.parametrize("path", ["/metrics", "/health", "/health/live"])
async def test_a_web_page_cannot_have_a_browser_read_it(page: Page, path: str, host: str) -> None:
    # A browser sends the name that the page's author made lead here.
    status, _ = await asyncio.to_thread(ask, page.url, path, host or "127.0.0.1")
    assert status == (403 if host else 200)


async def test_a_reload_while_the_page_begins_makes_no_second_one() -> None:
    node = SimpleNamespace(options=SimpleNamespace(metrics=""), notices={}, metrics_url="")
    watch = Watch(node)  # type: ignore[arg-type] # what it asks of a node here
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
    await asyncio.gather(watch.follow(listen), watch.follow(listen))
    assert (node.metrics_url, node.notices) == (f"http://{listen}", {})
    await watch.stop()
    assert node.metrics_url == ""
    with socket.create_server(("127.0.0.1", int(listen.rpartition(":")[2]))):
        pass  # nothing listens there any more


def test_the_dashboard_and_the_rules_ask_for_metrics_that_there_are() -> None:
    tally = Tally()
    tally.note([event("shop"), event("", Kind.DEPLOY, "success")], sources={"shop"})
    status = STATUS.sources[0]
    whole = msgspec.structs.replace(
        STATUS, sources=(msgspec.structs.replace(status, token_ends=1),)
    )
    known = {name for name, _ in samples(render(facts(whole, tally)).decode())}
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    asked = [one["expr"] for panel in dashboard["panels"] for one in panel["targets"]]
    asked.append((MONITORING / "rules.yml").read_text())
    names = set(re.findall(r"\bdevstream_\w+", " ".join(asked)))
    assert names
    assert names <= known


RULE_TESTS = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'up{{job="devstream", instance="a"}}', values: '0x20'}}
      - {{series: 'devstream_sources{{instance="a", state="silent"}}', values: '1x90'}}
      - {{series: 'devstream_sources{{instance="a", state="active"}}', values: '4x90'}}
      - {{series: 'devstream_spool_deliveries{{instance="a"}}', values: '501x90'}}
      - {{series: 'devstream_disk_free_bytes{{instance="a"}}', values: '9e8x90'}}
      - {{series: '{certificate}{{instance="a"}}', values: '{week}x90'}}
      - {{series: '{policy}{{instance="a"}}', values: '9e9x90'}}
      - {{series: 'up{{job="devstream", instance="b"}}', values: '1x90'}}
      - {{series: 'devstream_spool_deliveries{{instance="b"}}', values: '3x90'}}
      - {{series: 'devstream_disk_free_bytes{{instance="b"}}', values: '9e11x90'}}
      - {{series: '{certificate}{{instance="b"}}', values: '9e9x90'}}
    promql_expr_test:
      - expr: count by (alertname) (ALERTS{{alertstate="firing"}})
        eval_time: 6m
        exp_samples: [{{labels: '{{alertname="DevstreamDown"}}', value: 1}}]
      - expr: count by (alertname) (ALERTS{{alertstate="firing", instance="a"}})
        eval_time: 70m
        exp_samples:
          - {{labels: '{{alertname="DevstreamSourceSilent"}}', value: 1}}
          - {{labels: '{{alertname="DevstreamDeliveriesWait"}}', value: 1}}
          - {{labels: '{{alertname="DevstreamDiskAlmostFull"}}', value: 1}}
          - {{labels: '{{alertname="DevstreamTrustEnds"}}', value: 1}}
      - expr: ALERTS{{instance="b"}}
        eval_time: 70m
        exp_samples: []
"""


@pytest.mark.process
def test_the_rules_fire_by_prometheus_own_tool(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (the package prometheus has it)")
    rules = MONITORING / "rules.yml"
    file = tmp_path / "test.yml"
    ends = [f"devstream_{one}_expiry_timestamp_seconds" for one in ("certificate", "policy")]
    file.write_text(
        RULE_TESTS.format(rules=rules, week=6 * 86_400, certificate=ends[0], policy=ends[1])
    )
    for arguments in (["check", "rules", rules], ["test", "rules", file]):
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


CONFIG = """
global: {{scrape_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: devstream
    static_configs: [{{targets: ["{target}"]}}]
"""


@pytest.mark.process
def test_a_node_is_read_by_a_real_prometheus(
    world, until: Callable[..., object], tmp_path: Path
) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.start("--metrics", "127.0.0.1:0", "--intake", "127.0.0.1:0")
    url = ana.ready["metrics"]
    assert ask(url, "/health") == (200, '{"status":"ready"}')
    ana.run("emit", "--service", "shop", "--kind", "incident", "--state", "firing")
    found = samples(ask(url, "/metrics")[1])
    assert found["devstream_members", ()] == 1
    assert found["devstream_history_events", ()] > 0
    assert found["devstream_events_total", ("incident", "other")] == 1
    assert found["devstream_certificate_expiry_timestamp_seconds", ()] > time.time()
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is not installed (the package prometheus)")
    (tmp_path / "prometheus.yml").write_text(
        CONFIG.format(rules=MONITORING / "rules.yml", target=url.removeprefix("http://"))
    )
    port = _free_port()
    prometheus = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        asked = f"http://127.0.0.1:{port}/api/v1/query?query=devstream_history_events"

        def scraped() -> list[object]:
            try:
                with urllib.request.urlopen(asked, timeout=5) as answer:
                    return json.loads(answer.read())["data"]["result"]
            except (urllib.error.URLError, ConnectionError):
                return []

        (series,) = until("Prometheus has read the node", scraped)
        assert float(series["value"][1]) == found["devstream_history_events", ()]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/rules", timeout=5) as answer:
            groups = json.loads(answer.read())["data"]["groups"]
        assert len(groups[0]["rules"]) == 5
    finally:
        prometheus.terminate()
        prometheus.wait(20)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
