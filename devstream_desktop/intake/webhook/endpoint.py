"""Endpoint of a webhook source: its collector, secrets and headers."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache

from devstream_collectors.contract import SourceInfo, Webhook, WebhookCollector
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.config.names import SourcesError, secret_name
from devstream_desktop.intake.config.source_file import Vault, split_secrets
from devstream_desktop.intake.config.source_info import source_info
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.registry import webhook_collector
from devstream_desktop.intake.webhook.masking import is_secret
from devstream_desktop.intake.webhook.proof import proof_header_names


@dataclass(frozen=True)
class Endpoint:
    """A webhook source that runs."""

    info: SourceInfo
    collector: WebhookCollector
    webhook: Webhook
    """The way in which its sender posts, as the collector declares it."""
    secrets: tuple[bytes, ...]
    health: Health
    limiter: RateLimiter

    @cached_property
    def _proofs(self) -> frozenset[str]:
        return frozenset(proof_header_names(self.webhook))

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(
            {"content-type", *(name for name in self.webhook.headers if not name.endswith("*"))}
        )

    @cached_property
    def _globs(self) -> tuple[str, ...]:
        return tuple(name for name in self.webhook.headers if name.endswith("*"))

    def keeps(self, header: str) -> bool:
        """Tell whether the collector reads a header. A proof is never kept."""
        if header in self._proofs:
            return False
        return header in self._exact or _is_like(header, self._globs)

    def reads(self, header: str) -> bool:
        """Tell whether a header matters at all."""
        return (
            header in self._proofs or header == self.webhook.delivery_header or self.keeps(header)
        )


@lru_cache(maxsize=256)
def _is_like(header: str, globs: tuple[str, ...]) -> bool:
    """Tell whether a header has one of these forms, and no secret."""
    # Proxies add the first, some of them twice. The second would be stored, and is nobody's.
    if header.startswith("x-forwarded-") or is_secret(header):
        return False
    return any(fnmatchcase(header, pattern) for pattern in globs)


def open_endpoint(
    source: RemoteSource, vault: Vault, health: Health, limiter: RateLimiter
) -> Endpoint:
    """Make the endpoint of a source that posts.

    Raises:
        NoCollectorError: its collector is not installed, or takes no webhooks.
        SourcesError: its options are not right.
        Exception: the vault's own, when the secret cannot be unsealed.

    """
    collector = webhook_collector(source.type)
    if collector.COLLECTOR.webhook is None:
        raise SourcesError(f"the collector {source.type!r} takes no webhooks")
    info = source_info(source)
    sealed = vault.unseal(secret_name(source.name))
    return Endpoint(
        info, collector, collector.COLLECTOR.webhook, tuple(split_secrets(sealed)), health, limiter
    )
