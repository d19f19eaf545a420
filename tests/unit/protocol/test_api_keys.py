"""Personal API keys: how they are made, told of, and let in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW, a_key_pair, a_user, an_issuer
from portvakt.jose.keys import generate
from portvakt.jose.signing import Signer
from portvakt.model.audit import Act
from portvakt.model.behalf import ApiKey, ApiKeyFacts
from portvakt.model.behalf_change import AddApiKey, RevokeApiKey
from portvakt.model.change import Note
from portvakt.model.decision import Granted, Refused
from portvakt.model.nouns import Algorithm, Organisation
from portvakt.model.provider import API_KEY_TYP
from portvakt.model.values import ApiKeyId, Instant, OrganisationNumber, UserId
from portvakt.protocol.admit.api_key import admit_api_key, refuse_forged
from portvakt.protocol.admit.claims import LATEST, Rules
from portvakt.protocol.admit.verdict import admit
from portvakt.protocol.admit.verified import Verified
from portvakt.protocol.answer.api_key import read_api_key, tell_api_key
from portvakt.protocol.answer.presented import read_access_token
from portvakt.protocol.govern.api_keys import (
    A_DAY,
    FARTHEST,
    LIVE_KEYS,
    MADE_IN_A_DAY,
    KeyWish,
    NewApiKey,
    api_key_text,
    create_api_key,
    revoke_api_key,
)
from portvakt.protocol.live import api_key_lives
from portvakt.protocol.token_kind import is_api_key

LUCA = an_issuer("luca")
USER = a_user(roles=frozenset({"bookkeeper"}))
BAKERY = Organisation(issuer=LUCA.name, number=OrganisationNumber("312047152"), name="Bakeri AS", created_at=NOW)
BOATS = replace(BAKERY, number=OrganisationNumber("313580261"))
CLOSED = replace(BAKERY, number=OrganisationNumber("314661907"), disabled_at=NOW)
SIGNER = Signer(a_key_pair(), API_KEY_TYP, names_key=True)
KEYS = (a_key_pair().public,)
RULES = Rules(issuer=LUCA.url, audience=LUCA.audience, provider=LUCA.provider)


def created(*memberships: Organisation, held: Any = (), provider: str = "luca", **wish: Any) -> Any:
    return create_api_key(
        an_issuer(provider),
        KeyWish(**wish),
        USER,
        memberships or (BAKERY,),
        held,
        signer=SIGNER,
        random=b"r" * 32,
        now=NOW,
    )


def told(decision: Any) -> list[tuple[Act, str, dict[str, Any]]]:
    """Return what the log is told, which is of the key's user and organisation."""
    events = [change.event for change in decision.changes if isinstance(change, Note)]
    assert {(event.user, event.organisation) for event in events} <= {(USER.id, BAKERY.number)}
    return [(event.act, event.id, dict(event.after)) for event in events]


def a_key(**wish: Any) -> NewApiKey:
    decision = created(**wish)
    assert isinstance(decision, Granted)
    made: NewApiKey = decision.answer
    return made


def facts(key: ApiKey | None = None, **changes: Any) -> ApiKeyFacts:
    return replace(ApiKeyFacts(key=key or a_key().row, user=USER, organisation=BAKERY, is_member=True), **changes)


def test_a_key_is_for_the_only_company_and_has_no_end_unless_one_was_chosen() -> None:
    decision = created(BAKERY, CLOSED, name=" My script ")
    dated = a_key(expires_at=Instant(NOW + 1))

    row = decision.answer.row
    assert decision.changes[0] == AddApiKey(row)
    assert told(decision) == [
        (Act.API_KEY_CREATED, row.id, {"name": "My script", "organisation": BAKERY.number, "expires": None})
    ]
    assert (row.organisation, row.name, row.expires_at) == (BAKERY.number, "My script", None)
    shown = [read_api_key(LUCA, KEYS, key.text.reveal()) for key in (decision.answer, dated)]
    assert [one and dict(one.claims) for one in shown] == [
        {
            "iss": LUCA.url,
            "sub": USER.id,
            "aud": LUCA.audience,
            "iat": NOW,
            "jti": row.id,
            "organisation_number": BAKERY.number,
            **more,
        }
        for more in ({}, {"exp": NOW + 1})
    ]


def test_of_several_companies_one_is_chosen() -> None:
    assert created(BAKERY, BOATS, organisation=BOATS.number).answer.row.organisation == BOATS.number


def test_K2_a_key_is_not_shown_by_accident() -> None:
    assert a_key().text.reveal() not in repr(a_key())


@pytest.mark.parametrize(
    ("wish", "memberships", "code"),
    [
        ({}, (BAKERY, BOATS), "company"),
        ({}, (CLOSED,), "company"),
        ({"organisation": "999999999"}, (BAKERY,), "company"),
        ({"organisation": CLOSED.number}, (BAKERY, CLOSED), "company"),
        ({"expires_at": NOW}, (BAKERY,), "expires"),
        ({"expires_at": Instant(NOW + FARTHEST + 1)}, (BAKERY,), "expires"),
        ({"name": "x" * 81}, (BAKERY,), "name"),
        ({"name": "a\nb"}, (BAKERY,), "name"),
        ({"provider": "standard"}, (BAKERY,), "invalid_request"),
    ],
)
def test_G6_a_key_that_cannot_be_is_refused(wish: dict[str, Any], memberships: Any, code: str) -> None:
    decision = created(*memberships, **wish)

    assert isinstance(decision, Refused)
    assert decision.code == code


def test_a_key_may_be_for_no_company_where_the_provider_does_without() -> None:
    issuer = replace(LUCA, provider=replace(LUCA.provider, company=an_issuer("standard").provider.company))

    decision = create_api_key(issuer, KeyWish(), USER, (), (), signer=SIGNER, random=b"r" * 32, now=NOW)

    assert isinstance(decision, Granted)
    assert decision.answer.row.organisation is None
    key = decision.answer
    assert tell_api_key(issuer, shown(key), facts(key.row, organisation=None, is_member=False), NOW) is not None


def test_a_user_has_so_many_live_keys_at_most() -> None:
    live = [replace(a_key().row, id=ApiKeyId(f"k{number}")) for number in range(LIVE_KEYS)]
    ended = [replace(live[0], revoked_at=NOW), replace(live[1], expires_at=NOW), *live[2:]]

    assert created(held=live).code == "limited"
    assert isinstance(created(held=ended), Granted)


def test_a_user_makes_so_many_keys_a_day_at_most_whatever_became_of_them() -> None:
    made = [replace(a_key().row, revoked_at=NOW, created_at=Instant(NOW - A_DAY + 1))] * MADE_IN_A_DAY
    older = [*made[1:], replace(made[0], created_at=Instant(NOW - A_DAY))]

    assert created(held=made).code == "limited"
    assert isinstance(created(held=older), Granted)


def test_a_key_is_revoked_once() -> None:
    row = a_key().row

    assert revoke_api_key(row, now=NOW).changes[0] == RevokeApiKey(LUCA.name, row.id, NOW)
    assert told(revoke_api_key(row, now=NOW)) == [(Act.API_KEY_REVOKED, row.id, {})]
    assert revoke_api_key(replace(row, revoked_at=NOW), now=NOW).changes == ()


@pytest.mark.parametrize(
    "dead",
    [
        {"key": replace(a_key().row, revoked_at=NOW)},
        {"key": replace(a_key().row, expires_at=NOW)},
        {"user": replace(USER, disabled_at=NOW)},
        {"organisation": None},
        {"organisation": replace(BAKERY, disabled_at=NOW)},
        {"is_member": False},
    ],
    ids=lambda dead: next(iter(dead)),
)
def test_G7_a_key_ends_with_what_it_rests_on(dead: dict[str, Any]) -> None:
    key = a_key()

    assert api_key_lives(facts(key.row), NOW)
    assert not api_key_lives(facts(**dead), NOW)
    assert tell_api_key(LUCA, shown(key), facts(**dead), NOW) is None


def shown(key: NewApiKey) -> Any:
    return read_api_key(LUCA, KEYS, key.text.reveal())


def test_a_live_key_is_told_with_what_its_user_may_now() -> None:
    key = a_key(expires_at=Instant(NOW + 5))

    assert tell_api_key(LUCA, shown(key), facts(key.row), NOW) == {
        "active": True,
        "token_type": "api_key",
        "iss": LUCA.url,
        "sub": USER.id,
        "aud": LUCA.audience,
        "iat": NOW,
        "jti": key.row.id,
        "scope": "accounting",
        "exp": NOW + 5,
        "organisation_number": BAKERY.number,
        "roles": ["bookkeeper"],
    }
    plain = replace(facts(key.row), user=replace(USER, roles=frozenset()))
    assert "roles" not in (tell_api_key(LUCA, shown(key), plain, NOW) or {})


def test_a_key_that_nobody_keeps_or_that_is_anothers_is_not_live() -> None:
    key = a_key()

    assert tell_api_key(LUCA, shown(key), None, NOW) is None
    assert tell_api_key(LUCA, shown(key), facts(replace(key.row, user_id=UserId("user_x"))), NOW) is None


def test_J7_an_api_key_is_no_access_token_and_the_reverse() -> None:
    key = a_key().text.reveal()
    claims = {"iss": LUCA.url, "aud": LUCA.audience, "sub": "u", "jti": "j", "client_id": "c", "iat": NOW}
    access = Signer(a_key_pair(), "at+jwt", names_key=True).sign({**claims, "exp": NOW + 60})

    assert [is_api_key(text) for text in (key, access, "x", "a.b.c")] == [True, False, False, False]
    assert read_access_token(LUCA, KEYS, key, NOW) is None
    assert read_api_key(LUCA, KEYS, access) is None
    assert isinstance(admit(key, rules=RULES, keys=KEYS, now=NOW), Refused)
    assert isinstance(refuse_forged(access, rules=RULES, keys=KEYS), Refused)


def test_J7_a_key_of_another_issuer_or_api_or_without_a_name_is_none_here() -> None:
    row = a_key().row

    for elsewhere in (replace(LUCA, url="https://other.example"), replace(LUCA, audience="https://other.example")):
        assert read_api_key(LUCA, KEYS, api_key_text(elsewhere, row, SIGNER).reveal()) is None
    nameless = SIGNER.sign({"iss": LUCA.url, "aud": LUCA.audience, "jti": 7})
    assert read_api_key(LUCA, KEYS, nameless) is None


def test_a_guard_refuses_what_is_forged_and_asks_about_the_rest() -> None:
    key = a_key().text.reveal()
    other = generate(Algorithm.ES256)

    assert refuse_forged(key, rules=RULES, keys=KEYS) is None
    assert refuse_forged(key, rules=RULES, keys=(other.public,)) is None  # a retired key may have signed it
    forged = key[:-4] + ("AAAA" if not key.endswith("AAAA") else "BBBB")
    refused = refuse_forged(forged, rules=RULES, keys=KEYS)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code) == (401, "invalid_token")


TOLD: dict[str, object] = {
    "active": True,
    "token_type": "api_key",
    "iss": LUCA.url,
    "aud": LUCA.audience,
    "sub": "user_1",
    "jti": "key_1",
    "iat": NOW,
    "scope": "accounting",
}


def test_a_live_key_lets_its_user_in() -> None:
    verified = admit_api_key({**TOLD, "organisation_number": "312047152"}, rules=RULES, now=NOW)

    assert isinstance(verified, Verified)
    assert verified.is_api_key
    assert (str(verified.client_id), verified.subject) == ("key_1", "user_1")
    assert verified.scopes == {"accounting"}
    assert (verified.organisation_number, verified.expires_at) == ("312047152", LATEST)


@pytest.mark.parametrize(
    "changes",
    [
        {"active": False},
        {"active": "true"},
        {"token_type": "Bearer"},
        {"token_type": None},
        {"iss": "https://other.example"},
        {"aud": "https://other.example"},
        {"exp": NOW},
        {"exp": "soon"},
        {"jti": ""},
        {"sub": None},
    ],
)
def test_J7_what_the_issuer_says_of_a_key_is_checked(changes: dict[str, object]) -> None:
    assert isinstance(admit_api_key({**TOLD, **changes}, rules=RULES, now=NOW), Refused)


def test_a_key_that_is_not_live_is_refused() -> None:
    assert isinstance(admit_api_key(None, rules=RULES, now=NOW), Refused)
