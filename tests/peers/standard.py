"""What a developer knows of the sandbox's `standard` issuer."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Standard:
    """Its URL, one client, the address in its API that is called, and over https whom to trust."""

    issuer: str
    echo: str
    client_id: str
    client_secret: str = field(repr=False)
    ca_file: str | None

    @property
    def token_url(self) -> str:
        """The token endpoint as documented, for clients that read no metadata."""
        return f"{self.issuer}/token"

    @property
    def verify(self) -> str | bool:
        """What requests and MSAL take for `verify`."""
        return self.ca_file or True

    @property
    def context(self) -> ssl.SSLContext:
        """What httpx takes for `verify`."""
        return ssl.create_default_context(cafile=self.ca_file)

    def with_wrong_secret(self) -> Standard:
        return replace(self, client_secret="wrong" + self.client_secret[5:])


def told(line: dict[str, Any]) -> Standard:
    issuer = line["issuers"]["standard"]
    return Standard(
        issuer["base_url"],
        issuer["api_url"] + "/echo",
        issuer["client_id"],
        issuer["client_secret"],
        line.get("ca_file"),
    )
