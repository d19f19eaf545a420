"""What a user answers to a client's request: for which company, and whether at all.

A request that waits for its answer is a transaction of one session. It is answered once; what comes back with the form
is the decision, the company, and what the page showed. All are checked against what the user has at that moment: nobody
gives a company that was not before their eyes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from portvakt.model.audit import Act
from portvakt.model.behalf import Code, Grant, Transaction
from portvakt.model.behalf_change import AddCode, AddGrant, AddTransaction, AnswerTransaction, KeepGrant
from portvakt.model.change import Note
from portvakt.model.decision import (
    ACCESS_DENIED,
    CONSENT_REQUIRED,
    INTERACTION_REQUIRED,
    RATE_LIMITED,
    Granted,
    Refused,
)
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Company, Consent
from portvakt.model.values import GrantId, Instant, OrganisationNumber, Seconds, TransactionId
from portvakt.protocol.answer.authorize import SendBack, Target, is_registered, send_back_code, send_back_refusal
from portvakt.protocol.credentials import SECRET_OCTETS, Kind, keep_opaque, mint, mint_id
from portvakt.protocol.events import of_grant
from portvakt.protocol.live import session_lives, why_client_is_dead

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portvakt.model.behalf import SessionFacts
    from portvakt.model.nouns import ClientFacts, Issuer, Organisation
    from portvakt.protocol.answer.authorize import Authorization

TRANSACTION_LIFE = Seconds(600)
PENDING_LIMIT = 20
"""How many requests may wait for an answer in one session.

Counted, then added to: each node lets through no more than so many, and several at the same moment a few more together.
"""

ID_OCTETS = 32
RANDOM_OCTETS = ID_OCTETS + SECRET_OCTETS
"""How many random bytes each decision here needs."""

DENIED = Refused(ACCESS_DENIED, "The user did not agree.")

SEVERAL = "several"
"""What a page showed that has the user choose a company. No organisation has this for a number."""


class Decision(StrEnum):
    """The values of the consent form's buttons."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Form:
    """What a consent form said; None where it had no such field, or an empty one.

    `decision` and `organisation` are unchecked. `shown` is what `tell_shown` said when the page was made: whoever reads
    the form makes sure that nobody else wrote it there.
    """

    decision: str | None
    organisation: str | None = None
    shown: str = ""


class Why(StrEnum):
    """Why a form was no answer: a page, never a redirect. It is the `code` of the refusal."""

    FOREIGN = "foreign"  # of another session or user, or no answer at all
    ANSWERED = "answered"  # before: a double click, the back button, a second tab
    EXPIRED = "expired"
    CLIENT = "client"  # meanwhile disabled, or the redirect URI was taken away
    COMPANY_MISSING = "company_missing"  # there are several, and none was chosen
    COMPANY = "company"  # not one that was shown, or what was shown is so no more


def offer_companies(
    issuer: Issuer, person: SessionFacts, forced: OrganisationNumber | None
) -> tuple[Organisation, ...] | Refused:
    """Return the companies that a user may choose from; none: the grant is for no company. One: there is no choice.

    Refused with `access_denied`, for the client, if the user has no access to the `forced` one, or has none at all
    where the provider's grants are for one.
    """
    live = tuple(company for company in person.organisations if company.disabled_at is None)
    if forced is not None:
        wanted = tuple(company for company in live if company.number == forced)
        text = "The user has no access to this organisation."
        return wanted or Refused(ACCESS_DENIED, text, reason="the user is no member of the forced organisation")
    if not live and issuer.provider.company is Company.REQUIRED:
        return Refused(ACCESS_DENIED, "The user has no organisation.", reason="the user has no organisation")
    return live


def tell_shown(offered: Sequence[Organisation]) -> str:
    """Return what a page shows of these companies: the only one's number, `SEVERAL`, or an empty text for none."""
    return SEVERAL if len(offered) > 1 else "".join(company.number for company in offered)


def choose_company(offered: Sequence[Organisation], form: Form) -> OrganisationNumber | Refused | None:
    """Return the company that a form is for, one of those offered now.

    Where several were shown, it is the one that was chosen; else the one that was shown, and the form can choose no
    other. None: none was shown, and there is none now. Refused: it is to be shown anew.
    """
    numbers = {str(company.number) for company in offered}
    shown, sent = form.shown or None, form.organisation
    if shown == SEVERAL:
        if sent is None and len(numbers) > 1:
            return Refused(Why.COMPANY_MISSING, "No organisation was chosen.")
    elif sent is None:
        if shown is None and not numbers:
            return None
        sent = shown
    if sent is None or sent not in numbers or shown not in {SEVERAL, sent}:
        text = "This organisation was not offered, or is no longer."
        return Refused(Why.COMPANY, text, 403, reason="not the company that was shown, or no longer the user's")
    return OrganisationNumber(sent)


def agreed_before(
    issuer: Issuer,
    authorization: Authorization,
    person: SessionFacts,
    offered: Sequence[Organisation],
    grants: Iterable[Grant],
) -> Grant | None:
    """Return why the user need not be asked: a live grant for client, company and every scope.

    Never for a public client: whoever uses its id would be let in without a question. Never where there is a choice.
    """
    client = authorization.target.facts.client
    if issuer.provider.consent is not Consent.REMEMBERED or authorization.asks_anew or len(offered) > 1:
        return None
    if client.authentication is ClientAuthentication.NONE:
        return None
    number = offered[0].number if offered else None
    agreed = (person.user.id, client.id, number)
    live = (
        grant
        for grant in grants
        if (grant.user_id, grant.client_id, grant.organisation) == agreed
        and grant.revoked_at is None
        and set(authorization.scopes) <= set(grant.scopes)
    )
    return next(live, None)


def give_again(
    issuer: Issuer,
    authorization: Authorization,
    person: SessionFacts,
    agreed: Grant,
    *,
    pepper: bytes,
    random: bytes,
    now: Instant,
) -> Granted[SendBack]:
    """Give a code without a question, for what `agreed_before` found. Lost if the user takes that back meanwhile."""
    given = _give(
        issuer, _transaction(issuer, authorization, person, random, now), agreed.organisation, pepper, random, now
    )
    return Granted(given.answer, (KeepGrant(issuer.name, agreed.id), *given.changes))


def refuse_silently(offered: Sequence[Organisation]) -> Refused:
    """Return why a client that wants no question asked gets no code, once `agreed_before` found nothing."""
    if len(offered) > 1:
        return Refused(INTERACTION_REQUIRED, "The user must choose an organisation.")
    return Refused(CONSENT_REQUIRED, "The user must be asked.")


def open_transaction(
    issuer: Issuer, authorization: Authorization, person: SessionFacts, *, pending: int, random: bytes, now: Instant
) -> Granted[Transaction] | Refused:
    """Have a request wait for the user's answer, unless `PENDING_LIMIT` wait in this session already."""
    if pending >= PENDING_LIMIT:
        return Refused(RATE_LIMITED, "Too many requests wait for an answer.", 429)
    transaction = _transaction(issuer, authorization, person, random, now)
    return Granted(transaction, (AddTransaction(transaction),))


def answer_transaction(
    issuer: Issuer,
    transaction: Transaction,
    person: SessionFacts,
    client: ClientFacts | None,
    *,
    form: Form,
    pepper: bytes,
    random: bytes,
    now: Instant,
) -> Granted[SendBack] | Refused:
    """Decide on a posted consent form.

    Granted with the way back to the client, with a code or with `access_denied`. A refusal is a page (`Why`), and the
    transaction waits on; but where the user lost every company that would do, its code is `access_denied`.
    """
    facts = _answerable(issuer, transaction, person, client, form, now)
    if isinstance(facts, Refused):
        return facts
    answered = AnswerTransaction(issuer.name, transaction.id, now)
    if form.decision == Decision.DENY:
        target = Target(facts, transaction.redirect_uri, redirect_sent=transaction.redirect_sent)
        return Granted(send_back_refusal(issuer, target, transaction.state, DENIED), (answered,))
    offered = offer_companies(issuer, person, transaction.organisation)
    chosen = offered if isinstance(offered, Refused) else choose_company(offered, form)
    if isinstance(chosen, Refused):
        return chosen
    given = _give(issuer, transaction, chosen, pepper, random, now)
    return Granted(given.answer, (answered, *given.changes))


def _answerable(
    issuer: Issuer,
    transaction: Transaction,
    person: SessionFacts,
    client: ClientFacts | None,
    form: Form,
    now: Instant,
) -> ClientFacts | Refused:
    """Return the client that is to be answered, or why this form answers nothing."""
    own = (transaction.session_id, transaction.user_id) == (person.session.id, person.user.id)
    if not own or not session_lives(person.session, person.user, now):
        return Refused(Why.FOREIGN, "This form belongs to another session.", 403)
    if transaction.answered_at is not None:
        return Refused(Why.ANSWERED, "This request was answered before.")
    if now >= transaction.expires_at:
        return Refused(Why.EXPIRED, "This request has waited for too long.")
    if form.decision not in set(Decision):
        return Refused(Why.FOREIGN, "This form is no answer.", 403)
    reason = why_client_is_dead(client)
    if client is None or reason:
        return Refused(Why.CLIENT, "The client is not known here.", reason=reason)
    if not is_registered(issuer, client.client, transaction.redirect_uri):
        return Refused(Why.CLIENT, "The client is not known here.", reason="the redirect URI was taken away")
    return client


def _transaction(
    issuer: Issuer, authorization: Authorization, person: SessionFacts, random: bytes, now: Instant
) -> Transaction:
    target = authorization.target
    return Transaction(
        issuer=issuer.name,
        id=TransactionId(mint_id("txn_", random[:ID_OCTETS])),
        session_id=person.session.id,
        user_id=person.user.id,
        client_id=target.facts.client.id,
        redirect_uri=target.redirect_uri,
        redirect_sent=target.redirect_sent,
        scopes=authorization.scopes,
        state=authorization.state,
        challenge=authorization.challenge,
        organisation=authorization.organisation,
        locale=authorization.locale,
        created_at=now,
        expires_at=Instant(now + TRANSACTION_LIFE),
    )


def _give(
    issuer: Issuer,
    transaction: Transaction,
    organisation: OrganisationNumber | None,
    pepper: bytes,
    random: bytes,
    now: Instant,
) -> Granted[SendBack]:
    """Give a new grant and its code."""
    grant = Grant(
        issuer=issuer.name,
        id=GrantId(mint_id("grant_", random[:ID_OCTETS])),
        user_id=transaction.user_id,
        client_id=transaction.client_id,
        organisation=organisation,
        scopes=transaction.scopes,
        created_at=now,
    )
    text = mint(Kind.CODE, random[ID_OCTETS : ID_OCTETS + SECRET_OCTETS])
    code = Code(
        issuer=issuer.name,
        digest=keep_opaque(Kind.CODE, pepper, text),
        grant_id=grant.id,
        client_id=transaction.client_id,
        redirect_uri=transaction.redirect_uri,
        redirect_sent=transaction.redirect_sent,
        challenge=transaction.challenge,
        created_at=now,
        expires_at=Instant(now + issuer.provider.code_lifetime),
    )
    back = send_back_code(
        issuer, transaction.redirect_uri, code=text.reveal(), scopes=transaction.scopes, state=transaction.state
    )
    note = Note(of_grant(grant, Act.GRANT_GIVEN, now, after={"scopes": grant.scopes}))
    return Granted(back, (AddGrant(grant), AddCode(code), note))
