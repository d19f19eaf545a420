"""Why a request was refused, as its client's owner is told: the cause, the rule, what to do, and how it is right."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from portvakt.model.values import Instant
from portvakt.protocol.govern.corrected import corrected_curl
from portvakt.protocol.govern.explanations_en import ENGLISH
from portvakt.protocol.govern.explanations_nb import BOKMAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portvakt.model.audit import RefusedRequest
    from portvakt.model.nouns import Client, Issuer
    from portvakt.protocol.govern.explanations import Explanations

Language = Literal["en", "nb"]
EXPLANATIONS: Final[Mapping[Language, Explanations]] = {"en": ENGLISH, "nb": BOKMAL}
_MOMENTS = frozenset({"ended", "until"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A refusal explained. `curl`: the request as it would be right, "" where there is none to show.

    `cause_in_english`: the cause is the decision's own reason, which is in English in every language. No text holds
    anything that the request said, but names of scopes.
    """

    cause: str
    cause_in_english: bool
    rule: str
    what_to_do: str
    curl: str


def explain(
    refused: RefusedRequest,
    issuer: Issuer,
    client: Client | None,
    *,
    spell: Callable[[Instant], str],
    elsewhere: Issuer | None = None,
    language: Language = "en",
) -> Explanation:
    """Return why a request to `issuer` was refused.

    `client`: the one that it named, as it is now; None for one that nobody has, or that was deleted. `spell`:
    writes a moment as people read it. `elsewhere`: the issuer whose client that is, where it is another.
    """
    texts = EXPLANATIONS[language]
    say = (
        texts.near.get(refused.near)
        or texts.reasons.get(refused.reason)
        or texts.codes.get(refused.code)
        or texts.otherwise
    )
    told = {name: _spelled(name, value, texts, spell) for name, value in refused.hints.items()}
    places = defaultdict(lambda: texts.not_known, told | _around(issuer, client, texts))
    cause = say.cause.format_map(places) if say.cause else _sentence(refused.reason or refused.code)
    return Explanation(
        cause=cause,
        cause_in_english=language == "en" or not say.cause,
        rule=say.rule.format_map(places),
        what_to_do=say.what_to_do.format_map(places),
        curl=corrected_curl(refused, elsewhere or issuer, client),
    )


def _around(issuer: Issuer, client: Client | None, texts: Explanations) -> dict[str, str]:
    taken = sorted(issuer.provider.token_bodies, reverse=True)  # the form, which is every provider's, first
    return {
        "here": issuer.name,
        "provider": issuer.provider.title,
        "taken": texts.either.join(texts.bodies[body.value] for body in taken),
        "scopes": ", ".join(client.scopes) if client is not None and client.scopes else texts.none,
        "grants": ", ".join(issuer.provider.grants),
    }


def _spelled(name: str, value: object, texts: Explanations, spell: Callable[[Instant], str]) -> str:
    if name in _MOMENTS and isinstance(value, int):
        return spell(Instant(value))
    said = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if name == "sent":
        return texts.bodies.get(said, said)
    return texts.differing.get(said, said) if name == "differs" else said


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:].removesuffix('.')}."
