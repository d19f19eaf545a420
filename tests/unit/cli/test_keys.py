from __future__ import annotations

from portvakt.cli.keys import describe
from portvakt.model.nouns import Algorithm, SigningKey
from portvakt.model.values import Instant, IssuerName, KeyId

NOW = Instant(1_795_363_200)  # 2026-11-22T16:00:00Z


def a_key(number: int, *, signs: int, until: int | None) -> SigningKey:
    return SigningKey(
        id=KeyId(f"k{number}"),
        issuer=IssuerName("acme"),
        number=number,
        algorithm=Algorithm.ES256,
        public_jwk="{}",
        sealed=b"",
        created_at=Instant(NOW - 100),
        signs_from=Instant(NOW + signs),
        published_until=None if until is None else Instant(NOW + until),
    )


def test_keys_are_retired_signing_or_next() -> None:
    keys = (a_key(1, signs=-90, until=-1), a_key(2, signs=-50, until=60), a_key(3, signs=10, until=None))

    described = describe(keys, NOW)

    assert [(key["kid"], key["state"]) for key in described] == [("k1", "retired"), ("k2", "signing"), ("k3", "next")]
    assert described[2]["signs_from"] == "2026-11-22T16:00:10Z"
    assert described[2]["published_until"] is None
    assert described[0]["published_until"] == "2026-11-22T15:59:59Z"
