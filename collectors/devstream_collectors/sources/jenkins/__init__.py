"""Jenkins: builds, as the Notification plugin posts them or as the API has them.

Sources: https://plugins.jenkins.io/notification/ (its JSON is what `Phase.java` and `model/` of
https://github.com/jenkinsci/notification-plugin write) and
https://www.jenkins.io/doc/book/using/remote-access-api/.
"""

from __future__ import annotations

from devstream_collectors.contract import (
    Basic,
    Collector,
    Option,
    Poll,
    SecretPath,
    Token,
    Webhook,
)
from devstream_collectors.sources.jenkins.poll import parse, requests
from devstream_collectors.sources.jenkins.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook, with the Notification plugin: in the job's configuration, Job Notifications, Add \
Endpoint:
  Format    JSON
  Protocol  HTTP
  Event     All Events (or Job Finalized: results only)
  URL       the address of your receiver with the path that is printed behind it. Without \
--secret-file the path is the secret: keep the URL as a secret text credential (URL Source, \
Secret). With one, write user:password@ into the URL and into the file.
A job of a multibranch project does not tell its branch: give --multibranch if the last part of \
your jobs' names is one.
Polling, without the plugin: --poll --url https://HOST and --token-file with USER:API-TOKEN (from \
the user's Security page; it needs to read jobs). --job 'shop*' follows only jobs of that name; \
it may be given more than once."""

COLLECTOR = Collector(
    title="Jenkins' builds, posted by its Notification plugin, or its API polled",
    setup=_SETUP,
    kinds=(Kind.BUILD, Kind.TEST),
    options=(
        Option(
            "multibranch",
            "the last part of a job's name is its branch: the jobs are of multibranch projects",
            kind="flag",
        ),
        Option(
            "job",
            "a job to poll, with its folders, 'acme/shop*'; all of them when left out",
            kind="list",
        ),
    ),
    webhook=Webhook(auth=(Basic(), SecretPath())),
    poll=Poll(auth=(Token(), Basic())),
)
