"""Flux: applied and refused revisions are deploys; what is only said again is one fact."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import iso
from devstream_collectors.sources import flux
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.stream.line import render

SHA = "9a8b7c6d5e4f30219a8b7c6d5e4f30219a8b7c6d"
MINUTE = 60_000


@pytest.fixture
def told(reader):
    return reader("flux", flux.normalise)


def test_a_kustomization_that_was_applied(told):
    deploy = told.event("kustomization")
    assert_event(deploy, kind="deploy", state="success", service="shop", environment="production")
    assert_event(deploy, revision=SHA, ref="main", actor="Flux")
    assert render(deploy) == "shop  Flux deployed 9a8b7c6 to production — the shop and its workers"


def test_a_failure_is_a_row_of_its_revision(told):
    failed = told.event("failed")
    assert_event(failed, state="failure", environment="apps", revision=SHA, ref="main")
    assert failed.reason.startswith("health check failed after 30s")
    soon = told.event("failed", {"timestamp": "2027-01-15T07:01:00Z", "message": "said again"})
    assert soon.key == failed.key
    later = told.event("failed", {"timestamp": "2027-01-15T06:59:00Z"})
    assert later.key != failed.key
    assert (later.subject, later.number) == (failed.subject, failed.number)
    assert (
        told.event("failed", source=SourceInfo("flux", environment="staging")).environment
        == "staging"
    )
    assert told.event("failed", {"reason": "ArtifactFailed"}).state == "error"


async def lines_of(told, steps, sample="kustomization"):
    """Read the states and revisions that make a line, of steps `(minute, reason, revision)`."""

    async def publish(_events) -> None:
        pass

    found = []
    async with Publisher(publish).turn() as turn:
        for minute, reason, revision in steps:
            change = {
                "timestamp": iso(RECEIVED - 600 * MINUTE + minute * MINUTE),
                "reason": reason,
                "message": f"{reason} at minute {minute}",
                "severity": "error" if reason.endswith("Failed") else "info",
                "metadata": {"kustomize.toolkit.fluxcd.io/revision": f"main@sha1:{revision}"},
            }
            events = turn.news_of([told.event(sample, change)], RECEIVED)
            found += [(event.state, event.revision[:1]) for event in events]
    return found


async def test_a_revision_that_is_reconciled_each_half_hour_is_one_line(told):
    quiet = [(30 * number, "ReconciliationSucceeded", "a" * 40) for number in range(10)]
    assert await lines_of(told, quiet) == [("success", "a")]


async def test_a_return_to_an_older_revision_is_news(told):
    steps = [
        (30 * number + late, reason, revision * 40)
        for number, revision in enumerate("aba")
        for late, reason in ((0, "Progressing"), (1, "ReconciliationSucceeded"))
    ]
    found = await lines_of(told, steps)
    assert [revision for state, revision in found if state == "success"] == ["a", "b", "a"]


async def test_a_failure_that_ended_is_news(told):
    steps = [
        (0, "ReconciliationSucceeded", "a" * 40),
        (10, "HealthCheckFailed", "a" * 40),
        (20, "HealthCheckFailed", "a" * 40),
        (30, "ReconciliationSucceeded", "a" * 40),
        (90, "ReconciliationSucceeded", "a" * 40),
    ]
    found = await lines_of(told, steps)
    assert found == [("success", "a"), ("failure", "a"), ("success", "a")]


async def test_each_upgrade_of_a_chart_is_news(told):
    steps = [(number * 60, "UpgradeSucceeded", "a" * 40) for number in range(3)]
    assert await lines_of(told, steps, "helmrelease") == [("success", "a")] * 3


def test_helm(told):
    deploy = told.event("helmrelease")
    assert render(deploy) == "cache  Flux deployed 6.5.4 to apps"
    assert told.event("helmrelease", {"reason": "RollbackSucceeded"}).reason == "rolled back"
    assert told.event("helmrelease", {"reason": "UninstallSucceeded"}).state == "inactive"
    assert (
        told.event("helmrelease", {"reason": "UpgradeFailed", "severity": "error"}).state
        == "failure"
    )
    old = {"reason": "info", "metadata": {"revision": "6.5.4"}}
    assert (
        told.event("helmrelease", old | {"message": "Helm upgrade has started"}).state
        == "in_progress"
    )
    assert told.event("helmrelease", old | {"message": "Helm upgrade succeeded"}).key == deploy.key
    assert told.dropped("helmrelease", {"reason": "TestSucceeded"}) == "test-of-a-release"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "source-fetched"),
        ({"involvedObject": {"kind": "ImageUpdateAutomation"}}, "image-update"),
        ({"involvedObject": {"kind": "Kustomization"}}, "reconciliation-not-news"),
        (
            {
                "involvedObject": {"kind": "Kustomization"},
                "reason": "DependencyNotReady",
                "severity": "error",
            },
            "waits-and-tries-again",
        ),
        ({"involvedObject": None}, "not-of-an-object"),
    ],
)
def test_what_makes_no_line(told, change, reason):
    assert told.dropped("gitrepository", change) == reason


def test_what_cannot_be_fetched_is_said(told):
    failed = told.event(
        "gitrepository",
        {
            "severity": "error",
            "reason": "GitOperationFailed",
            "message": "failed to checkout: no route",
        },
    )
    assert (failed.state, failed.reason) == ("error", "failed to checkout: no route")


@pytest.mark.parametrize(
    ("revision", "ref", "found"),
    [
        (f"main@sha1:{SHA}", "main", SHA),
        (f"release/2@sha1:{SHA}", "release/2", SHA),
        (f"release/2/{SHA}", "release/2", SHA),
        (f"latest@sha256:{SHA}{SHA[:24]}", "latest", SHA + SHA[:24]),
        (f"sha256:{SHA}{SHA[:24]}", "", SHA + SHA[:24]),
        (SHA, "", SHA),
        ("6.5.4+build", "", "6.5.4+build"),
        ("", "", ""),
    ],
)
def test_revisions_of_every_version(told, revision, ref, found):
    deploy = told.event(
        "kustomization", {"metadata": {"kustomize.toolkit.fluxcd.io/revision": revision}}
    )
    assert (deploy.ref, deploy.revision) == (ref, found)
    assert deploy.number


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    source = SourceInfo("flux")
    assert flux.normalise(flux.sample(source, RECEIVED), source).events[0].state == "success"


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        flux.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("flux").values()],
        SourceInfo("flux"),
    )
