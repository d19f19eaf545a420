"""The providers that portvakt knows by name, and the interpreter that speaks and hears them.

A provider is one value: its module holds that and nothing else.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from portvakt.providers.breeze import BREEZE
from portvakt.providers.luca import LUCA
from portvakt.providers.prisjakt import PRISJAKT
from portvakt.providers.standard import STANDARD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.provider import Provider

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {provider.name: provider for provider in (BREEZE, LUCA, PRISJAKT, STANDARD)}
)
