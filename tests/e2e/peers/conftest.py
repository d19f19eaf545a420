"""The sandbox's `standard` issuer, over plain http and over https by its own CA, for clients that nobody here wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from peers.standard import Standard, told
from programs import running

if TYPE_CHECKING:
    from collections.abc import Iterator

# What would change how a client trusts or insists, if a developer's shell had it.
SWITCHES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AUTHLIB_INSECURE_TRANSPORT", "OAUTHLIB_INSECURE_TRANSPORT")


@pytest.fixture(autouse=True)
def _no_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def plain(sandbox: dict[str, Any]) -> Standard:
    return told(sandbox)


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standard]:
    folder = tmp_path_factory.mktemp("secure")
    with running("sandbox", "standard", "--tls", "--json", "--port", "0", "--data", "data", cwd=folder) as line:
        yield told(line)
