"""The authorization endpoint, as a browser meets it: log in, be asked, be sent back.

Nothing is kept on the server before somebody has logged in. What waits for an answer then is a row of that session,
and is answered once.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit
from weakref import WeakValueDictionary

from portvakt.model.decision import ACCESS_DENIED, Refused
from portvakt.model.provider import Prompt, Quota
from portvakt.model.values import Seconds, TransactionId
from portvakt.pages.views import AlreadyAnswered, Company, Consent, ConsentProblem, Fault, NoAccess, NoCompany
from portvakt.protocol.answer import consent
from portvakt.protocol.answer.authorize import (
    LOG_IN_FIRST,
    NoTarget,
    SendBack,
    Target,
    Unknown,
    check_request,
    find_target,
    must_log_in,
    prompts_of,
    send_back_refusal,
)
from portvakt.protocol.answer.consent import (
    Form,
    Why,
    agreed_before,
    answer_transaction,
    give_again,
    offer_companies,
    open_transaction,
    refuse_silently,
    tell_shown,
)
from portvakt.server.account import FOR_REQUEST
from portvakt.server.act import act
from portvakt.server.call import read_body
from portvakt.server.desk import NotOurForm, is_form
from portvakt.wire.authorize_request import AUTHORIZE_LIMIT, read_authorize_request, too_long
from portvakt.wire.errors import WireError
from portvakt.wire.query import parameter_name, spell_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.audit import By
    from portvakt.model.behalf import Grant, SessionFacts, Transaction
    from portvakt.model.decision import Granted
    from portvakt.model.nouns import ClientFacts, Organisation
    from portvakt.model.values import OrganisationNumber, SessionId
    from portvakt.protocol.answer.authorize import Authorization
    from portvakt.server.account import Account
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.desk import Desk
    from portvakt.wire.authorize_request import AuthorizeRequest

AUTHORIZATIONS = Quota(100, Seconds(600))
"""How often one client may ask one user: each time may leave a grant, and the next one reads them all (U10)."""

# RFC 6749 §4.1.2.1
_TOO_MANY = Refused("temporarily_unavailable", "This client asked this user too often. Try again later.", 429)
_FAULTS: dict[str, Fault] = {
    Why.FOREIGN: Fault.FORBIDDEN,
    Why.EXPIRED: Fault.EXPIRED,
    Why.CLIENT: Fault.CLIENT,
}
_ABOUT_COMPANIES = {ACCESS_DENIED, Why.COMPANY, Why.COMPANY_MISSING}
_UNTIL_LOGGED_IN = {"prompt", "max_age"}


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request whose answer may be sent back. `query`: as it came, spelled. `checked`: what is asked for."""

    request: AuthorizeRequest
    target: Target
    checked: Authorization | Refused
    query: str


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
                await desk.go(call, send, f"{path}?{spell_query(body)}")
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
        checked = check_request(desk.issuer, request, target)
        visit = _Visit(request, target, checked, spell_query(scope["query_string"]))
        person = await desk.session(call)
        if person is None and Prompt.NONE in (prompts_of(desk.issuer, request) or ()):
            await self._send_back(call, send, visit, LOG_IN_FIRST)
        elif person is None:
            await self._log_in(call, send, visit)  # also before a refusal is sent back (RFC 9700 §4.11.2)
        elif isinstance(checked, Refused):
            await self._send_back(call, send, visit, checked)
        elif not must_log_in(checked, person.session, desk.clock()):
            await self._consider(call, send, visit, checked, person)
        elif checked.asks_nothing:
            await self._send_back(call, send, visit, LOG_IN_FIRST)
        else:
            await self._log_in(call, send, visit)

    async def _log_in(self, call: Call, send: Send, visit: _Visit) -> None:
        """Show the log-in page, which leads back to the request, but for what asked for the log-in."""
        desk, query = self._desk, visit.query
        if not isinstance(visit.checked, Refused):
            kept = [part for part in query.split("&") if parameter_name(part) not in _UNTIL_LOGGED_IN]
            query = "&".join([*kept, "prompt=consent"] if visit.checked.asks_anew else kept)
        path = f"{desk.root}{desk.issuer.provider.authorize_path}"
        await self._account.show_log_in(call, send, return_to=f"{path}?{query}")

    async def _send_back(self, call: Call, send: Send, visit: _Visit, refused: Refused) -> None:
        call.refused = refused
        back = send_back_refusal(self._desk.issuer, visit.target, visit.request.state, refused)
        await self._desk.go(call, send, back.location)

    async def _consider(
        self, call: Call, send: Send, visit: _Visit, checked: Authorization, person: SessionFacts
    ) -> None:
        """Send back a code if there is nothing to ask; else ask, or say why nobody can be asked."""
        desk, target = self._desk, visit.target
        offered = offer_companies(desk.issuer, person, checked.organisation)
        if isinstance(offered, Refused) and checked.asks_nothing:
            # As for one who did not agree: no client learns, unseen, to which company somebody belongs.
            await self._send_back(call, send, visit, replace(refuse_silently(()), reason=offered.reason))
            return
        if isinstance(offered, Refused):
            call.refused = offered
            back = send_back_refusal(desk.issuer, target, visit.request.state, offered)
            await self._no_company(call, send, target, person, back, visit.query, checked.organisation, checked.locale)
            return
        decision = await self._give_or_ask(checked, person, offered, desk.by(call, person.user))
        if isinstance(decision, Refused) and checked.asks_nothing:
            await self._send_back(call, send, visit, decision)
        elif isinstance(decision, Refused):
            call.refused = decision
            await desk.problem(call, send, Fault.LIMITED, users=person.user.locale)
        elif isinstance(decision.answer, SendBack):
            await desk.go(call, send, decision.answer.location)
        else:
            await self._show_consent(call, send, decision.answer, target.facts, person, offered, visit.query)

    async def _give_or_ask(
        self, checked: Authorization, person: SessionFacts, offered: Sequence[Organisation], by: By
    ) -> Granted[SendBack | Transaction] | Refused:
        """Give a code where nothing is to be asked, else have a transaction wait, if there are not too many."""
        desk = self._desk
        issuer, session_id = desk.issuer, person.session.id
        client_id = checked.target.facts.client.id
        only = offered[0].number if len(offered) == 1 else None
        counted = (issuer.name, "authorize", person.user.id, client_id)
        if desk.failures.take(counted, AUTHORIZATIONS, desk.clock()) is not None:
            return _TOO_MANY

        async def load() -> tuple[Sequence[Grant], int]:
            return (
                await desk.store.grants_between(issuer.name, person.user.id, client_id, only),
                await desk.store.pending(issuer.name, session_id, desk.clock()),
            )

        def decide(facts: tuple[Sequence[Grant], int]) -> Granted[SendBack | Transaction] | Refused:
            grants, pending = facts
            random, now = os.urandom(consent.RANDOM_OCTETS), desk.clock()
            agreed = agreed_before(issuer, checked, person, offered, grants)
            if agreed is not None:
                return give_again(issuer, checked, person, agreed, pepper=desk.pepper, random=random, now=now)
            if checked.asks_nothing:
                return refuse_silently(offered)
            return open_transaction(issuer, checked, person, pending=pending, random=random, now=now)

        # One after the other for one session: many at once would all see that few wait (U10).
        async with self._turns.setdefault(session_id, asyncio.Lock()):
            return await act(desk.store, load, decide, by)

    async def _show_consent(
        self,
        call: Call,
        send: Send,
        transaction: Transaction,
        client: ClientFacts,
        person: SessionFacts,
        offered: Sequence[Organisation],
        query: str,
        *,
        problem: ConsentProblem | None = None,
    ) -> None:
        desk = self._desk
        shown = tell_shown(offered)
        companies = tuple(Company(number=one.number, name=one.name) for one in offered)
        view = Consent(
            brand=desk.brand,
            action=f"{desk.root}/consent",
            csrf=f"{shown}.{desk.token(_purpose(transaction.id, shown), person.session.id)}",
            transaction=transaction.id,
            client_name=client.client.name,
            redirect_uri=transaction.redirect_uri,
            email=person.user.email,
            other_account_url=self._other_account(query),
            scopes=transaction.scopes,
            companies=companies,
            forced=companies[0] if transaction.organisation is not None else None,
            problem=problem,
        )
        await desk.show(call, send, view, desk.locale(call, users=person.user.locale, asked=transaction.locale))

    async def _no_company(
        self,
        call: Call,
        send: Send,
        target: Target,
        person: SessionFacts,
        back: SendBack,
        query: str,
        forced: OrganisationNumber | None,
        locale: str | None,
    ) -> None:
        desk = self._desk
        name, email = target.facts.client.name, person.user.email
        other = self._other_account(query)
        view: NoAccess | NoCompany
        if forced is None:
            view = NoCompany(
                brand=desk.brand,
                client_name=name,
                email=email,
                other_account_url=other,
                back_url=back.location,
                disabled=bool(person.organisations),
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
        shown, _, csrf = form.get("csrf", "").rpartition(".")
        purpose = _purpose(form.get("transaction", ""), shown)
        if person is None or not desk.is_own(purpose, person.session.id, {"csrf": csrf}):
            fault, users = (Fault.EXPIRED, None) if person is None else (Fault.FORBIDDEN, person.user.locale)
            await desk.problem(call, send, fault, users=users)
            return
        transaction = await desk.store.transaction(desk.issuer.name, TransactionId(form.get("transaction", "")))
        if transaction is None:
            await desk.problem(call, send, Fault.EXPIRED, users=person.user.locale)
            return
        call.client_id = transaction.client_id
        said = Form(form.get("decision") or None, form.get("organisation") or None, shown)
        decision = await self._decide(call, transaction, said, desk.by(call, person.user))
        if isinstance(decision, Refused):
            call.refused = decision
            # As decided on: the companies may be others than a moment before.
            await self._show_refusal(call, send, decision, transaction, await desk.session(call) or person)
        else:
            await desk.go(call, send, decision.answer.location)

    async def _decide(self, call: Call, transaction: Transaction, said: Form, by: By) -> Granted[SendBack] | Refused:
        desk = self._desk
        issuer = desk.issuer

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

        return await act(desk.store, load, decide, by)

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
        if client is None or refused.code not in _ABOUT_COMPANIES:
            fault = _FAULTS.get(refused.code, Fault.FORBIDDEN)
            await desk.problem(call, send, fault, users=person.user.locale, asked=transaction.locale)
            return
        query = _asked_again(transaction)
        offered = offer_companies(desk.issuer, person, transaction.organisation)
        if isinstance(offered, Refused):  # the user left the last company that would do
            target = Target(client, transaction.redirect_uri, redirect_sent=transaction.redirect_sent)
            back = send_back_refusal(desk.issuer, target, transaction.state, offered)
            forced, locale = transaction.organisation, transaction.locale
            await self._no_company(call, send, target, person, back, query, forced, locale)
        else:
            problem = ConsentProblem.MISSING if refused.code == Why.COMPANY_MISSING else ConsentProblem.CHANGED
            await self._show_consent(call, send, transaction, client, person, offered, query, problem=problem)

    def _other_account(self, query: str) -> str:
        """Return where another user logs in for the same request."""
        return f"{self._desk.root}/login?{FOR_REQUEST}{query}"


def _purpose(transaction_id: str, shown: str) -> str:
    """Return what the form's hidden text is for: one request, and the company that the page shows."""
    return f"consent {transaction_id} {shown}"


def _asked_again(transaction: Transaction) -> str:
    """Return the query of the request that a transaction came from. The user is asked again."""
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
    # No longer than the request was, whose limit it has to meet again.
    return urlencode({name: text for name, text in said.items() if text}, safe="!$'()*,/:;?@[]~")


async def _read_form(call: Call, receive: Receive) -> bytes:
    """Return the body of a posted authorization request. Raises: WireError."""
    media_type = next((value for name, value in call.scope["headers"] if name == b"content-type"), b"")
    if not is_form(media_type):  # T7: before the body is waited for
        raise WireError(None, "A posted authorization request is application/x-www-form-urlencoded.", 415)
    body = await read_body(receive, AUTHORIZE_LIMIT)
    if body is None:
        raise too_long()
    return body


def _home_of(redirect_uri: str) -> str | None:
    """Return where an application on the web begins; None for one that has an address of its own kind."""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}/" if parts.scheme in {"https", "http"} else None
