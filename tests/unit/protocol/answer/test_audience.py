"""For which of two APIs a token is: the issuer's own, or the installation's administration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import an_issuer
from portvakt.model.decision import Refused
from portvakt.protocol.answer.asked import apis_of, audience_of, refuse_audience, refuse_resource

ADMINISTRATION = "https://id.example/admin/api/v1"
ISSUER = replace(an_issuer(), administration=ADMINISTRATION)
API = ISSUER.audience


@pytest.mark.parametrize("scopes", [("portvakt:read",), ("portvakt:manage",), ("portvakt:manage", "portvakt:read")])
def test_a_token_of_the_administrations_scopes_alone_is_for_the_administration(scopes: tuple[str, ...]) -> None:
    assert audience_of(ISSUER, scopes) == ADMINISTRATION
    assert refuse_audience(ISSUER, scopes, None) is None
    assert refuse_audience(ISSUER, scopes, ADMINISTRATION) is None
    assert isinstance(refuse_audience(ISSUER, scopes, API), Refused)


@pytest.mark.parametrize("scopes", [(), ("read",), ("portvakt:introspect",)])
def test_any_other_token_is_for_the_api(scopes: tuple[str, ...]) -> None:
    assert audience_of(ISSUER, scopes) == API
    assert refuse_audience(ISSUER, scopes, None) is None
    assert refuse_audience(ISSUER, scopes, API) is None
    refused = refuse_audience(ISSUER, scopes, ADMINISTRATION)
    assert refused is not None
    assert refused.code == "invalid_target"


@pytest.mark.parametrize("other", ["read", "portvakt:introspect", "portvakt:revocations"])
def test_one_token_is_never_for_both(other: str) -> None:
    refused = refuse_audience(ISSUER, ("portvakt:read", other), None)

    assert refused is not None
    assert refused.code == "invalid_scope"


def test_the_installations_own_issuer_has_one_audience_and_mixes_what_it_likes() -> None:
    own = an_issuer()

    assert apis_of(own) == {own.audience}
    assert audience_of(own, ("portvakt:read",)) == own.audience
    assert refuse_audience(own, ("portvakt:read", "read"), None) is None


def test_a_request_may_name_either_api_but_not_both() -> None:
    assert apis_of(ISSUER) == {API, ADMINISTRATION}
    for asked in (None, API, ADMINISTRATION, f"{API} {API}"):
        assert refuse_resource(apis_of(ISSUER), asked) is None
    for asked in (f"{API} {ADMINISTRATION}", "", "https://other.example"):
        assert refuse_resource(apis_of(ISSUER), asked) is not None
