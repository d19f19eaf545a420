"""The authorization endpoint, as a browser meets it: log in, be asked, be sent back.

Nothing is kept on the server before somebody has logged in. What waits for an answer then is a row of that session,
and is answered once.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_from_bytes, urlencode, urlsplit
from weakref import WeakValueDictionary

from portvakt.model.decision import ACCESS_DENIED, Refused
from portvakt.model.values import TransactionId
from portvakt.pages.views import AlreadyAnswered, Company, Consent, Fault, NoAccess, NoCompany
from portvakt.protocol.answer import consent
from portvakt.protocol.answer.authorize import (
    NoTarget,
    SendBack,
    Target,
    Unknown,
    check_request,
    find_target,
    send_back_refusal,
)
from portvakt.protocol.answer.consent import (
    Form,
    Why,
    answer_transaction,
    give_again,
    is_agreed,
    offer_companies,
    open_transaction,
)
from portvakt.server.act import act
from portvakt.server.call import read_body
from portvakt.server.desk import URL_CHARACTERS, NotOurForm, is_form
from portvakt.wire.authorize_request import AUTHORIZE_LIMIT, read_authorize_request
from portvakt.wire.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.behalf import Grant, Organisation, SessionFacts, Transaction
    from portvakt.model.decision import Granted
    from portvakt.model.nouns import ClientFacts
    from portvakt.model.values import OrganisationNumber, SessionId
    from portvakt.protocol.answer.authorize import Authorization
    from portvakt.server.account import Account
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.desk import Desk
    from portvakt.wire.authorize_request import AuthorizeRequest

_FAULTS: dict[str, Fault] = {
    Why.FOREIGN: Fault.FORBIDDEN,
    Why.COMPANY: Fault.FORBIDDEN,
    Why.EXPIRED: Fault.EXPIRED,
    Why.CLIENT: Fault.CLIENT,
}


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request whose answer may be sent back, and who makes it."""

    request: AuthorizeRequest
    target: Target
    person: SessionFacts
    url: str


class Authorize:
    """The authorization endpoint of one issuer, and where its consent form is posted."""

    def __init__(self, desk: Desk, account: Account) -> None:
        self._desk = desk
        self._account = account
        self._turns: WeakValueDictionary[SessionId, asyncio.Lock] = WeakValueDictionary()

    async def ask(self, call: Call, receive: Receive, send: Send) -> None:
        """Take an authorization request (RFC 6749 §3.1)."""
        desk, scope = self._desk, call.scope
        path = f"{desk.root}{desk.issuer.provider.authorize_path}"
        try:
            if scope["method"] == "POST":
                body = await _read_form(call, receive)
                read_authorize_request(scope["query_string"], body)
                # From another site no cookie comes along with a post; with the navigation that follows it does.
                await desk.go(call, send, f"{path}?{_spelled(body)}")
                return
            request = read_authorize_request(scope["query_string"])
        except WireError as error:
            call.refused = Refused(error.code, error.description, error.status)
            await desk.problem(call, send, Fault.REQUEST, error.description)
            return
        target = find_target(desk.issuer, request, await desk.client(request.client_id))
        if isinstance(target, NoTarget):
            call.refused = Refused(target.unknown.value, target.detail, 400, reason=target.reason)
            fault = Fault.CLIENT if target.unknown is Unknown.CLIENT else Fault.REDIRECT_URI
            await desk.problem(call, send, fault, target.detail)
            return
        call.client_id = target.facts.client.id
        url = f"{path}?{_spelled(scope['query_string'])}"
        person = await desk.session(call)
        if person is None:
            await self._account.show_log_in(call, send, return_to=url)
            return
        await self._consider(call, send, _Visit(request, target, person, url))

    async def _consider(self, call: Call, send: Send, visit: _Visit) -> None:
        """Send back a refusal, or a code if there is nothing to ask; else ask."""
        desk = self._desk
        issuer, request, target, person = desk.issuer, visit.request, visit.target, visit.person
        checked = check_request(issuer, request, target)
        if isinstance(checked, Refused):
            call.refused = checked
            await desk.go(call, send, send_back_refusal(issuer, target, request.state, checked).location)
            return
        offered = offer_companies(issuer, person, checked.organisation)
        if isinstance(offered, Refused):
            call.refused = offered
            back = send_back_refusal(issuer, target, request.state, offered)
            await self._no_company(call, send, target, person, back, visit.url, checked.organisation, checked.locale)
            return
        decision = await self._give_or_ask(checked, person, offered)
        if isinstance(decision, Refused):
            call.refused = decision
            await desk.problem(call, send, Fault.LIMITED, users=person.user.locale)
        elif isinstance(decision.answer, SendBack):
            await desk.go(call, send, decision.answer.location)
        else:
            await self._show_consent(call, send, decision.answer, target.facts, person, offered, visit.url)

    async def _give_or_ask(
        self, checked: Authorization, person: SessionFacts, offered: Sequence[Organisation]
    ) -> Granted[SendBack | Transaction] | Refused:
        """Give a code where nothing is to be asked, else have a transaction wait, if there are not too many."""
        desk = self._desk
        issuer, session_id = desk.issuer, person.session.id
        client_id = checked.target.facts.client.id
        only = offered[0].number if len(offered) == 1 else None

        async def load() -> tuple[Sequence[Grant], int]:
            return (
                await desk.store.grants_between(issuer.name, person.user.id, client_id, only),
                await desk.store.pending(issuer.name, session_id, desk.clock()),
            )

        def decide(facts: tuple[Sequence[Grant], int]) -> Granted[SendBack | Transaction] | Refused:
            grants, pending = facts
            random, now = os.urandom(consent.RANDOM_OCTETS), desk.clock()
            if is_agreed(issuer, checked, person, offered, grants):
                return give_again(issuer, checked, person, offered, pepper=desk.pepper, random=random, now=now)
            return open_transaction(issuer, checked, person, pending=pending, random=random, now=now)

        # One after the other for one session: many at once would all see that few wait (U10).
        async with self._turns.setdefault(session_id, asyncio.Lock()):
            return await act(desk.store, load, decide)

    async def _show_consent(
        self,
        call: Call,
        send: Send,
        transaction: Transaction,
        client: ClientFacts,
        person: SessionFacts,
        offered: Sequence[Organisation],
        url: str,
        *,
        missing: bool = False,
    ) -> None:
        desk = self._desk
        companies = tuple(Company(number=one.number, name=one.name) for one in offered)
        view = Consent(
            brand=desk.brand,
            action=f"{desk.root}/consent",
            csrf=desk.token("consent", person.session.id),
            transaction=transaction.id,
            client_name=client.client.name,
            redirect_uri=transaction.redirect_uri,
            email=person.user.email,
            other_account_url=self._other_account(url),
            scopes=transaction.scopes,
            companies=companies,
            forced=companies[0] if transaction.organisation is not None else None,
            missing=missing,
        )
        await desk.show(call, send, view, desk.locale(call, users=person.user.locale, asked=transaction.locale))

    async def _no_company(
        self,
        call: Call,
        send: Send,
        target: Target,
        person: SessionFacts,
        back: SendBack,
        url: str,
        forced: OrganisationNumber | None,
        locale: str | None,
    ) -> None:
        desk = self._desk
        name, email = target.facts.client.name, person.user.email
        other = self._other_account(url)
        view: NoAccess | NoCompany
        if forced is None:
            view = NoCompany(
                brand=desk.brand, client_name=name, email=email, other_account_url=other, back_url=back.location
            )
        else:
            view = NoAccess(
                brand=desk.brand,
                client_name=name,
                number=forced,
                email=email,
                other_account_url=other,
                back_url=back.location,
            )
        await desk.show(call, send, view, desk.locale(call, users=person.user.locale, asked=locale))

    # --- the answer ---------------------------------------------------------------------------------------------------

    async def answer(self, call: Call, receive: Receive, send: Send) -> None:
        """Take the consent form: once for each request, from the browser that was asked."""
        desk = self._desk
        person = await desk.session(call)
        try:
            form = await desk.form(call, receive)
        except NotOurForm:
            form = {}
        if person is None or not desk.is_own("consent", person.session.id, form):
            fault, users = (Fault.EXPIRED, None) if person is None else (Fault.FORBIDDEN, person.user.locale)
            await desk.problem(call, send, fault, users=users)
            return
        transaction = await desk.store.transaction(desk.issuer.name, TransactionId(form.get("transaction", "")))
        if transaction is None:
            await desk.problem(call, send, Fault.EXPIRED, users=person.user.locale)
            return
        call.client_id = transaction.client_id
        decision = await self._decide(call, transaction, form)
        if isinstance(decision, Refused):
            call.refused = decision
            await self._show_refusal(call, send, decision, transaction, person)
        else:
            await desk.go(call, send, decision.answer.location)

    async def _decide(self, call: Call, transaction: Transaction, form: dict[str, str]) -> Granted[SendBack] | Refused:
        desk = self._desk
        issuer = desk.issuer
        said = Form(form.get("decision") or None, form.get("organisation") or None)

        async def load() -> tuple[Transaction | None, SessionFacts | None, ClientFacts | None]:
            return (
                await desk.store.transaction(issuer.name, transaction.id),
                await desk.session(call),
                await desk.store.client_facts(issuer.name, transaction.client_id),
            )

        def decide(
            facts: tuple[Transaction | None, SessionFacts | None, ClientFacts | None],
        ) -> Granted[SendBack] | Refused:
            waiting, person, client = facts
            if waiting is None or person is None:
                return Refused(Why.EXPIRED, "This request has waited for too long.")
            random, now = os.urandom(consent.RANDOM_OCTETS), desk.clock()
            return answer_transaction(
                issuer, waiting, person, client, form=said, pepper=desk.pepper, random=random, now=now
            )

        return await act(desk.store, load, decide)

    async def _show_refusal(
        self, call: Call, send: Send, refused: Refused, transaction: Transaction, person: SessionFacts
    ) -> None:
        desk = self._desk
        client = await desk.store.client_facts(desk.issuer.name, transaction.client_id)
        if refused.code == Why.ANSWERED:
            name = client.client.name if client is not None else transaction.client_id
            view = AlreadyAnswered(brand=desk.brand, client_name=name, back_url=_home_of(transaction.redirect_uri))
            await desk.show(call, send, view, desk.locale(call, users=person.user.locale, asked=transaction.locale))
            return
        url = self._asked_again(transaction)
        offered = offer_companies(desk.issuer, person, transaction.organisation)
        if client is not None and refused.code == ACCESS_DENIED:  # the user left the last company that would do
            target = Target(client, transaction.redirect_uri, redirect_sent=transaction.redirect_sent)
            back = send_back_refusal(desk.issuer, target, transaction.state, refused)
            forced, locale = transaction.organisation, transaction.locale
            await self._no_company(call, send, target, person, back, url, forced, locale)
        elif client is not None and refused.code == Why.COMPANY_MISSING and not isinstance(offered, Refused):
            await self._show_consent(call, send, transaction, client, person, offered, url, missing=True)
        else:
            fault = _FAULTS.get(refused.code, Fault.FORBIDDEN)
            await desk.problem(call, send, fault, users=person.user.locale, asked=transaction.locale)

    def _asked_again(self, transaction: Transaction) -> str:
        """Return the path and query of the request that a transaction came from. The user is asked again."""
        said = {
            "client_id": transaction.client_id,
            "response_type": "code",
            "redirect_uri": transaction.redirect_uri if transaction.redirect_sent else None,
            "scope": " ".join(transaction.scopes),
            "state": transaction.state,
            "code_challenge": transaction.challenge,
            "code_challenge_method": "S256" if transaction.challenge else None,
            "organisation_number": transaction.organisation,
            "locale": transaction.locale,
            "prompt": "consent",
        }
        path = f"{self._desk.root}{self._desk.issuer.provider.authorize_path}"
        return f"{path}?{urlencode({name: text for name, text in said.items() if text})}"

    def _other_account(self, url: str) -> str:
        """Return where another user logs in for the same request."""
        return f"{self._desk.root}/login?return_to={quote(url, safe='')}"


async def _read_form(call: Call, receive: Receive) -> bytes:
    """Return the body of a posted authorization request. Raises: WireError."""
    media_type = next((value for name, value in call.scope["headers"] if name == b"content-type"), b"")
    if not is_form(media_type):  # T7: before the body is waited for
        raise WireError(None, "A posted authorization request is application/x-www-form-urlencoded.", 415)
    body = await read_body(receive, AUTHORIZE_LIMIT)
    if body is None:
        raise WireError(None, f"The authorization request is longer than {AUTHORIZE_LIMIT} bytes.", 413)
    return body


def _spelled(query: bytes) -> str:
    """Return a query as it may stand in a header and a form: what is not plain is percent-encoded, once."""
    return quote_from_bytes(query, safe=URL_CHARACTERS)


def _home_of(redirect_uri: str) -> str | None:
    """Return where an application on the web begins; None for one that has an address of its own kind."""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}/" if parts.scheme in {"https", "http"} else None
