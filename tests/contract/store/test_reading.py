from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from portvakt.model.change import AddClient, AddKey, AddSecret, AddUser, Applied
from portvakt.model.nouns import Algorithm, ClientAuthentication, ClientFacts
from portvakt.model.values import ClientId, Instant, KeyId, SecretId, UserId
from stored import ACME, CLIENT, OTHER, OWNER, SECRET, a_client, a_client_with_a_secret, a_key, a_secret, a_user

if TYPE_CHECKING:
    from portvakt.store import Store

NASTY = "' \" ; -- \\ %' OR 1=1 /* {x} :y %s %(z)s ? $1 \x01 æøå 🗝 \u2028 </script>"
UNSPEAKABLE = ["", "a\0b", "\ud800", "x" * 256, "a b", "a'b", "æ", "a.b", "a\n"]


async def test_what_was_written_is_what_is_read(store: Store) -> None:
    owner = a_user(roles=frozenset({"admin", "reader"}), disabled_at=Instant(11))
    client = a_client(
        description="of many words",
        authentication=ClientAuthentication.POST,
        grants=frozenset({"client_credentials", "refresh_token"}),
        scopes=("write", "read"),
        default_scopes=("read",),
        disabled_at=Instant(21),
        version=3,
    )
    secrets = (
        a_secret(id=SecretId("older"), created_at=Instant(1), revoked_at=Instant(2)),
        a_secret(expires_at=Instant(2**40), last_used_at=Instant(31)),
    )

    applied = await store.apply([AddUser(owner), AddClient(client), *(AddSecret(ACME, each) for each in secrets)])

    assert applied == Applied()
    assert await store.client_facts(ACME, CLIENT) == ClientFacts(client=client, owner=owner, secrets=secrets)
    assert await store.user(ACME, OWNER) == owner


async def test_a_client_without_a_secret_has_no_secrets(store: Store) -> None:
    await store.apply([AddUser(a_user()), AddClient(a_client())])

    assert await store.client_facts(ACME, CLIENT) == ClientFacts(client=a_client(), owner=a_user(), secrets=())


async def test_nothing_is_found_across_two_issuers(store: Store) -> None:
    await store.apply([*a_client_with_a_secret(), AddKey(a_key())])

    assert await store.client_facts(OTHER, CLIENT) is None
    assert await store.clients(OTHER, None, 10) == []
    assert await store.user(OTHER, OWNER) is None
    assert await store.user_by_email(OTHER, "owner@example.no") is None
    assert await store.signing_keys(OTHER) == ()


async def test_two_issuers_may_use_the_same_ids_and_keep_their_own_rows(store: Store) -> None:
    twin = a_client(issuer=OTHER, name="Twin")
    await store.apply([*a_client_with_a_secret(), AddUser(a_user(issuer=OTHER)), AddClient(twin)])
    await store.apply([AddSecret(OTHER, a_secret(last4="twin"))])

    ours, theirs = await store.client_facts(ACME, CLIENT), await store.client_facts(OTHER, CLIENT)

    assert ours is not None
    assert theirs is not None
    assert (ours.client.name, [each.last4 for each in ours.secrets]) == ("One", ["wxyz"])
    assert (theirs.client.name, [each.last4 for each in theirs.secrets]) == ("Twin", ["twin"])


async def test_pages_of_clients_follow_one_another_without_gap_or_overlap(store: Store) -> None:
    # Byte order: a locale would put "_b" and "B" elsewhere.
    ids = ["-a", "1", "A", "B", "Z", "_b", "a", "a-1", "aa", "b"]
    await store.apply([AddUser(a_user()), *(AddClient(a_client(id=ClientId(each))) for each in reversed(ids))])
    for number in range(3):
        await store.apply([AddSecret(ACME, a_secret(id=SecretId(f"s{number}"), client_id=ClientId("A")))])

    pages = []
    after = None
    while page := await store.clients(ACME, after, 3):
        pages.append(page)
        after = page[-1].client.id

    assert [facts.client.id for page in pages for facts in page] == ids
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert [len(facts.secrets) for page in pages for facts in page] == [0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
    assert [facts.client.id for facts in await store.clients(ACME, ClientId("Y"), 1)] == ["Z"]


async def test_a_page_has_at_least_one_client(store: Store) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        await store.clients(ACME, None, 0)


@pytest.mark.parametrize("asked", ["Kari@Example.NO", "kari@example.no", "KARI@EXAMPLE.NO"])
async def test_a_user_is_found_by_an_address_of_any_letter_case(store: Store, asked: str) -> None:
    await store.apply([AddUser(a_user(email="Kari@Example.no"))])

    found = await store.user_by_email(ACME, asked)

    assert found is not None
    assert found.email == "Kari@Example.no"  # as it was given


async def test_keys_come_by_number(store: Store) -> None:
    keys = [a_key(number, algorithm=algorithm) for number, algorithm in enumerate(Algorithm, 1)]
    for key in reversed(keys):
        await store.apply([AddKey(key)])

    assert await store.signing_keys(ACME) == tuple(keys)


async def test_W5_quotes_and_comments_are_kept_letter_by_letter(store: Store) -> None:
    owner = a_user(email=f"{NASTY}@example.no", roles=frozenset({NASTY, "b"}))
    client = a_client(
        name=NASTY, description=NASTY, grants=frozenset({NASTY}), scopes=(NASTY, "r w"), default_scopes=(NASTY,)
    )
    secret = a_secret(prefix=NASTY, last4="';\"\\")
    key = a_key(public_jwk=NASTY, sealed=bytes(range(256)))

    await store.apply([AddUser(owner), AddClient(client), AddSecret(ACME, secret), AddKey(key)])

    assert await store.client_facts(ACME, CLIENT) == ClientFacts(client=client, owner=owner, secrets=(secret,))
    assert await store.user_by_email(ACME, owner.email.upper()) == owner
    assert await store.signing_keys(ACME) == (key,)
    assert await store.user_by_email(ACME, NASTY) is None


async def test_T13_W5_an_id_that_no_row_can_have_is_not_found(store: Store) -> None:
    await store.apply([*a_client_with_a_secret(), AddKey(a_key())])

    text: Any
    for text in (*UNSPEAKABLE, NASTY):
        assert await store.client_facts(ACME, text) is None
        assert await store.client_facts(text, CLIENT) is None
        assert await store.user(ACME, text) is None
        assert await store.user(text, OWNER) is None
        assert await store.user_by_email(text, "owner@example.no") is None
        assert await store.signing_keys(text) == ()
        assert await store.clients(text, None, 10) == []
        assert await store.clients(ACME, text, 10) == []


async def test_T13_an_address_that_no_row_can_have_is_not_found(store: Store) -> None:
    assert await store.user_by_email(ACME, "a\0@example.no") is None
    assert await store.user_by_email(ACME, "\udfff@example.no") is None


@pytest.mark.parametrize("field", ["name", "description", "scopes", "default_scopes", "grants"])
async def test_T13_a_text_that_no_database_can_hold_is_the_callers_error(store: Store, field: str) -> None:
    for text in ("a\0b", "\ud800"):
        kinds: dict[str, Any] = {"scopes": (text,), "default_scopes": (text,), "grants": frozenset({text})}

        with pytest.raises(ValueError, match="NUL or a lone surrogate"):
            await store.apply([AddUser(a_user()), AddClient(a_client(**{field: kinds.get(field, text)}))])

        assert await store.user(ACME, OWNER) is None


async def test_T13_an_id_that_could_never_be_read_is_not_written(store: Store) -> None:
    for text in UNSPEAKABLE:
        for change in (
            AddUser(a_user(id=UserId(text))),
            AddClient(a_client(id=ClientId(text))),
            AddClient(a_client(owner=UserId(text))),
            AddSecret(ACME, a_secret(id=SecretId(text))),
            AddKey(a_key(id=KeyId(text))),
        ):
            with pytest.raises(ValueError, match="an id is"):
                await store.apply([change])


async def test_a_moment_beyond_64_bits_is_the_callers_error(store: Store) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        await store.apply([AddUser(a_user(created_at=Instant(2**63)))])


async def test_K5_a_digest_has_no_room_for_a_secret(store: Store) -> None:
    await store.apply(a_client_with_a_secret())

    with pytest.raises(ValueError, match="rule of the schema"):
        await store.apply([AddSecret(ACME, a_secret(id=SecretId("two"), digest=b"pvk_cs_" + b"s" * 49))])

    facts = await store.client_facts(ACME, CLIENT)
    assert facts is not None
    assert [each.id for each in facts.secrets] == [SECRET]


async def test_the_redirect_uris_of_enabled_public_clients_are_read_together(store: Store) -> None:
    public: dict[str, Any] = {"authentication": ClientAuthentication.NONE}
    clients = [
        a_client(id=ClientId("a"), redirect_uris=("https://a.example/1", "https://a.example/2"), **public),
        a_client(id=ClientId("b"), redirect_uris=("https://b.example/",), **public),
        a_client(id=ClientId("c"), redirect_uris=("https://secret.example/",)),
        a_client(id=ClientId("d"), redirect_uris=("https://gone.example/",), disabled_at=Instant(1), **public),
    ]
    await store.apply([AddUser(a_user()), *map(AddClient, clients)])

    assert await store.public_redirect_uris(ACME) == {
        "https://a.example/1",
        "https://a.example/2",
        "https://b.example/",
    }
    assert await store.public_redirect_uris(OTHER) == frozenset()
