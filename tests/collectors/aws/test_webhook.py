"""AWS: SNS' envelope, EventBridge's events, and one fact by both ways."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED, samples_of

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import aws

SOURCE = SourceInfo("aws")


@pytest.fixture
def sent(reader):
    return reader("aws", aws.normalise)


def test_an_alarm_by_sns_and_by_eventbridge_is_one_fact(sent, row):
    assert row(sent.event("alarm")) == row(sent.event("alarm-bridged"))


def test_an_alarm_that_is_well_closes_its_row_and_one_that_comes_again_is_new(sent):
    firing, well = sent.event("alarm"), sent.event("alarm-ok")
    assert (firing.subject, firing.number) == (well.subject, well.number)
    later = {"StateChangeTime": "2027-01-15T07:59:59.000+0000"}
    message = json.loads(json.loads(sent.body("alarm"))["Message"]) | later
    again = sent.event("alarm", {"Message": json.dumps(message)})
    assert again.key != firing.key
    assert sent.event("alarm").key == firing.key


def test_a_pipeline_by_eventbridge_and_by_a_notification_rule_is_one_run(sent):
    failed, passed = sent.event("pipeline"), sent.event("pipeline-notified")
    assert (failed.subject, failed.number) == (passed.subject, passed.number)
    assert failed.key != passed.key


@pytest.mark.parametrize(
    ("version", "branch", "revision"),
    [
        ("refs/heads/main", "main", ""),
        ("main", "main", ""),
        ("a" * 40, "", "a" * 40),
        ("arn:aws:s3:::codepipeline/shop/x", "", ""),
        ("", "", ""),
    ],
)
def test_a_version_is_a_branch_or_a_commit(sent, version, branch, revision):
    change = {"detail": {"additional-information": {"source-version": version}}}
    event = sent.event("build", change)
    assert (event.ref, event.revision) == (branch, revision)


def test_only_branches_that_count_make_lines(sent):
    change = {"detail": {"additional-information": {"source-version": "refs/heads/topic"}}}
    assert sent.dropped("build", change) == "not-a-global-branch"
    assert sent.event("build", change, SourceInfo("aws", branches=("topic",))).ref == "topic"


def test_only_topics_that_are_named_count(sent):
    other = SourceInfo("aws", options={"topic": ("arn:aws:sns:eu-west-1:1:other",)})
    assert sent.dropped("alarm", source=other) == "topic-not-ours"
    ours = SourceInfo("aws", options={"topic": ("arn:aws:sns:eu-west-1:123456789012:alerts",)})
    assert sent.event("alarm", source=ours).state == "firing"
    asked = Delivery({}, sent.body("subscription"), RECEIVED)
    assert aws.confirmation(asked, ours).startswith("https://sns.eu-west-1.amazonaws.com/")
    assert aws.confirmation(asked, other) == ""
    for name in ("alarm", "unsubscribed", "build"):
        assert aws.confirmation(Delivery({}, sent.body(name), RECEIVED), ours) == ""


def test_what_is_signed_is_what_the_documentation_says(sent):
    signed = aws.signed(Delivery({}, sent.body("alarm"), RECEIVED))
    lines = signed.text.decode().split("\n")
    assert lines[0:1] + lines[2:] == [
        "Message",
        "MessageId", "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "Subject", "ALARM",
        "Timestamp", "2027-01-15T07:59:01.123Z",
        "TopicArn", "arn:aws:sns:eu-west-1:123456789012:alerts",
        "Type", "Notification", "",
    ]  # fmt: skip
    assert signed.digest == "sha256"
    asked = aws.signed(Delivery({}, sent.body("subscription"), RECEIVED)).text.decode()
    assert [line for line in asked.split("\n")[::2] if line] == [
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"SignatureVersion": "3"}, {"Signature": "%"}, {"Type": "Other"}, {"TopicArn": ""}]
)
def test_a_body_without_a_signature_that_can_be_checked_has_none(sent, change):
    body = json.loads(sent.body("alarm")) | change
    assert aws.signed(Delivery({}, json.dumps(body).encode(), RECEIVED)) is None
    assert aws.signed(Delivery({}, sent.body("build"), RECEIVED)) is None


def test_whatever_is_sent_is_an_event_or_a_named_drop(survives):
    deliveries = [Delivery({}, body, RECEIVED) for body in samples_of("aws").values()]
    survives(aws.normalise, deliveries, SOURCE)

    def both(delivery, source):
        aws.signed(delivery)
        aws.confirmation(delivery, source)
        return aws.normalise(delivery, source)

    survives(both, deliveries, SOURCE)


def test_the_test_of_a_source_makes_a_line():
    (event,) = aws.normalise(aws.sample(SOURCE, RECEIVED), SOURCE).events
    assert (event.kind, event.state) == ("incident", "resolved")
