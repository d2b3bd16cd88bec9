"""The back end kubernetes: the system's own kubectl against a recorded API."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator

import pytest
from kubernetes_cluster import Cluster
from msgspec import structs

from devstream_desktop.deploy.backends.contract import Started
from devstream_desktop.deploy.backends.kubernetes import Kubernetes
from devstream_desktop.deploy.backends.settings import Kubernetes as Settings

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl"),
]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


def aimed(order, cluster: Cluster, tmp_path, **target):
    given = order("true", backend="kubernetes", **target)
    settings = Settings(
        namespace="shop",
        workload="deployment/shop",
        container="app",
        image="registry.example.com/shop:{sha}",
        kubeconfig="KUBE",
    )
    target = structs.replace(given.target, kubernetes=settings, env={"HOME": str(tmp_path)})
    object.__setattr__(given, "target", target)
    object.__setattr__(given, "secrets", {"KUBE": cluster.config})
    return given


async def run(given):
    back_end = Kubernetes()
    found = await back_end.start(given)
    assert isinstance(found, Started), found
    return await back_end.watch(given, "", lambda _: None)


async def test_the_image_is_set_and_its_roll_out_waited_for(order, cluster, tmp_path):
    given = aimed(order, cluster, tmp_path)
    outcome = await run(given)
    text = given.log.read_text()
    assert outcome.state == "success", text
    assert cluster.image == f"registry.example.com/shop:{given.request.sha}"
    assert "successfully rolled out" in text
    assert f"devstream {given.request.id}" in json.dumps(cluster.patches)
    assert cluster.token not in text
    assert not list(tmp_path.rglob("*config*"))


async def test_a_refusal_is_the_reason(order, cluster, tmp_path):
    cluster.refused = "deployments.apps is forbidden for bot"
    outcome = await run(aimed(order, cluster, tmp_path))
    assert (outcome.state, cluster.patches) == ("failure", [])
    assert "forbidden for bot" in outcome.reason


async def test_a_roll_out_that_does_not_end_is_a_failure(order, cluster, tmp_path):
    cluster.rolled_out = False
    outcome = await run(aimed(order, cluster, tmp_path, timeout_s=1.5))
    assert outcome.state in ("error", "failure")
    assert outcome.reason


async def cancelled(given, cluster: Cluster):
    back_end = Kubernetes()
    await back_end.start(given)
    async with asyncio.timeout(30):
        await asyncio.to_thread(cluster.watching.wait, 20)
    await back_end.cancel(given, "")
    return await back_end.watch(given, "", lambda _: None)


async def test_cancel_goes_back_to_what_ran_before(order, cluster, tmp_path):
    cluster.rolled_out = False
    # What a roll-out undone would go to, as after a change by another hand.
    cluster.revisions[1] = "registry.example.com/shop:older"
    given = aimed(order, cluster, tmp_path)
    outcome = await cancelled(given, cluster)
    assert outcome.state == "cancelled", given.log.read_text()
    assert cluster.image == "registry.example.com/shop:old", given.log.read_text()
    assert "undone" in json.dumps(cluster.patches[-1])


async def test_cancel_of_what_ran_already_changes_nothing(order, cluster, tmp_path):
    given = aimed(order, cluster, tmp_path)
    cluster.image = f"registry.example.com/shop:{given.request.sha}"
    # A pod is down, so the roll-out is waited for.
    cluster.ready = False
    outcome = await cancelled(given, cluster)
    assert outcome.state == "cancelled", given.log.read_text()
    assert cluster.image == f"registry.example.com/shop:{given.request.sha}"
    assert "containers" not in json.dumps(cluster.patches)
