"""Senders of signed webhooks to a node's intake, with the standard library's client."""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.request

SECRET = b"it is a long secret"


def issue(number: int) -> tuple[bytes, dict[str, str]]:
    """GitHub's delivery of an issue that was opened, as body and headers."""
    body = json.dumps(
        {
            "action": "opened",
            "issue": {
                "number": number,
                "title": f"Bug {number}",
                "created_at": "2026-11-22T14:02:00Z",
            },
            "repository": {
                "name": "shop",
                "full_name": "acme/shop",
                "html_url": "https://github.com/acme/shop",
            },
            "sender": {"login": "eva"},
        }
    ).encode()
    signature = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return body, {
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": f"{number}",
        "X-Hub-Signature-256": signature,
    }


def deliver(url: str, number: int) -> int:
    """Post one; the status of the answer.

    Raises:
        OSError: there was none.
        http.client.HTTPException: it was cut off.

    """
    body, headers = issue(number)
    with urllib.request.urlopen(
        urllib.request.Request(url, data=body, headers=headers), timeout=20
    ) as answer:
        return answer.status
