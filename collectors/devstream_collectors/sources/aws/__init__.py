"""AWS: what SNS delivers, and what EventBridge posts to an API destination.

CloudWatch alarms; CodePipeline, CodeBuild, CodeDeploy, CodeCommit and ECS by their EventBridge
events; AWS Health. Sources:
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html and
https://docs.aws.amazon.com/eventbridge/latest/ref/events.html.
"""

from __future__ import annotations

from devstream_collectors.contract import (
    Basic,
    Certified,
    Collector,
    Option,
    SecretPath,
    Token,
    Webhook,
)
from devstream_collectors.sources.aws.envelope import confirmation, signed
from devstream_collectors.sources.aws.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "confirmation", "normalise", "sample", "signed"]

# Whole addresses, so that no trick with a user, a port or a path gets past: only AWS has such
# hosts. China's regions are at amazonaws.com.cn.
_HOST = r"https://sns\.[a-z]{2}[a-z0-9-]{3,28}\.amazonaws\.com(?:\.cn)?"

COLLECTOR = Collector(
    title="AWS by SNS or EventBridge: CloudWatch, CodePipeline, CodeBuild, CodeDeploy, ECS",
    setup="""\
By SNS: create a subscription of the topic, protocol HTTPS, as endpoint the address of your \
receiver with the path that is printed, without raw message delivery. It is confirmed by itself, \
and each message's signature is checked with AWS' certificate, which this node fetches from \
sns.REGION.amazonaws.com. With --topic only messages of that topic are taken. Then choose the \
topic in each CloudWatch alarm, for In alarm and for OK, and in the notification rules of \
CodePipeline, CodeBuild and CodeDeploy with the detail type Full, or as target of EventBridge rules.
By EventBridge alone: an API destination to the same address, and a connection with API key, the \
key's name Authorization and its value Bearer and the text in the file that you give with \
--secret-file. Let its rules match the detail types CloudWatch Alarm State Change, CodePipeline \
Pipeline Execution State Change, CodeBuild Build State Change, CodeDeploy Deployment State-change \
Notification, ECS Deployment State Change, CodeCommit Repository State Change and AWS Health Event.
A secret path takes signed messages only: what nobody signed needs --secret-file.""",
    kinds=(Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT),
    options=(
        Option(
            "topic",
            "the ARN of a topic that counts (default: each that knows the address)",
            kind="list",
        ),
    ),
    webhook=Webhook(
        auth=(Token(), Basic(), SecretPath()),
        delivery_header="x-amz-sns-message-id",
        certified=Certified(
            certificate=_HOST + r"/SimpleNotificationService-[0-9a-f]{10,64}\.pem",
            confirm=_HOST + r"/\?Action=ConfirmSubscription&[A-Za-z0-9=&:%_.+-]{1,2000}",
        ),
    ),
)
