"""Codes, tokens, families and revocations in every order: what two who decide on old facts can never both have.

A decision is made on what the store held then, and applied later, or never; who loses decides again, as the server
does. What a decision without changes says is said at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from behalf_store import CALLBACK, VERIFIER, World, a_world, another_client, claims_of, successor_of
from builders import NOW, PEPPER
from portvakt.model.behalf_change import NoteRepeat, RedeemCode
from portvakt.model.change import Applied
from portvakt.model.decision import Granted
from portvakt.model.values import Instant, Seconds
from portvakt.protocol.answer.code import code_digest
from portvakt.protocol.answer.refresh import refresh_digest
from portvakt.protocol.ending import end_grant
from portvakt.protocol.live import is_live
from portvakt.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.model.decision import Refused, Tokens
    from portvakt.model.message import TokenRequest
    from portvakt.model.values import GrantId, Secret
    from portvakt.protocol.answer.token import Authenticated

WINDOW = 10
THE_STANDARD = PROVIDERS["standard"]
KINDS = {
    "rotating": THE_STANDARD,
    "rotating without a window": replace(THE_STANDARD, reissue_window=Seconds(0)),
    "static": PROVIDERS["luca"],
}


@dataclass
class Pending:
    """A request between its decision and its commit. `shown` is the code or token that it shows."""

    shown: Secret
    decide: Callable[[], Granted[Tokens] | Refused]
    decision: Granted[Tokens] | Refused
    facts_grant: GrantId | None
    tries: int = 3
    at: Instant = field(default=NOW)


class GrantMachine(RuleBasedStateMachine):
    """A user, a client, a thief of everything that is ever shown, and two servers between them."""

    codes = Bundle("codes")
    tokens = Bundle("tokens")
    pending = Bundle("pending")

    world: World
    now: Instant

    @initialize(target=tokens, kind=st.sampled_from([*sorted(KINDS), "rotating"]), public=st.booleans())
    def begin(self, kind: str, public: bool) -> Secret:
        self.kind = kind
        self.world = a_world(KINDS[kind], public=public and kind != "static")
        self.now = NOW
        self.code_successes: dict[Secret, int] = {}
        self.successors: dict[Secret, set[str]] = {}
        self.jtis: dict[Secret, set[object]] = {}
        return successor_of(self.world.exchange(self.world.agree()))

    # What happens.

    @rule(target=codes)
    def the_user_agrees(self) -> Secret:
        return self.world.agree(now=self.now)

    @rule(seconds=st.sampled_from([1] * 6 + [WINDOW - 1, WINDOW - 1, WINDOW, 61, 31 * 86400, 366 * 86400]))
    def time_passes(self, seconds: int) -> None:
        self.now = Instant(self.now + seconds)

    @rule(target=pending, code=codes, verifier=st.sampled_from([VERIFIER] * 9 + ["w" * 43]), stranger=st.booleans())
    def a_code_is_shown(self, code: Secret, verifier: str, stranger: bool) -> object:
        parameters = {"code": code.reveal(), "redirect_uri": CALLBACK, "code_verifier": verifier}
        request = self.world.request("authorization_code", parameters)
        digest = code_digest(PEPPER, request)
        by = another_client() if stranger and verifier != VERIFIER else None

        def decide() -> Granted[Tokens] | Refused:
            return self.world.decide_code(request, self.world.code_facts(digest), self.now, by)

        return self._decided(code, decide, self._grant_of_code(digest))

    @rule(target=pending, token=tokens, scope=st.sampled_from([None] * 9 + ["read"]), stranger=st.booleans())
    def a_refresh_token_is_shown(self, token: Secret, scope: str | None, stranger: bool) -> object:
        parameters = {"refresh_token": token.reveal()} | ({"scope": scope} if scope else {})
        request = self.world.request("refresh_token", parameters)
        by = another_client() if stranger and scope else None
        return self._decided(token, self._refreshing(request, by), self._grant_of_token(token))

    @rule(target=pending, code=codes)
    def two_servers_look_at_one_code(self, code: Secret) -> object:
        return multiple(*self._both(lambda: self.a_code_is_shown(code, VERIFIER, stranger=False)))

    @rule(target=pending, token=tokens)
    def two_servers_look_at_one_token(self, token: Secret) -> object:
        return multiple(*self._both(lambda: self.a_refresh_token_is_shown(token, None, stranger=False)))

    @rule(target=tokens, token=tokens)
    def the_client_refreshes(self, token: Secret) -> object:
        request = self.world.request("refresh_token", {"refresh_token": token.reveal()})
        one = self._decided(token, self._refreshing(request, None), self._grant_of_token(token))
        return self.a_decision_is_applied(one) if isinstance(one, Pending) else one

    @rule(target=tokens, one=consumes(pending))
    def a_decision_is_applied(self, one: Pending) -> object:
        lost = not isinstance(self.world.apply(one.decision.changes), Applied)
        while lost and one.tries:
            one.tries -= 1
            one.decision = one.decide()
            lost = not isinstance(self.world.apply(one.decision.changes), Applied)
        assert not lost, "who decides on what is there loses to nobody"
        return self._said(one)

    @rule(one=consumes(pending))
    def a_server_dies_before_it_commits(self, one: Pending) -> None:
        pass

    @rule(target=tokens, one=consumes(pending))
    def a_server_dies_after_it_committed(self, one: Pending) -> object:
        self.world.apply(one.decision.changes)
        return multiple()

    @rule(code=codes)
    def the_user_revokes_what_they_gave(self, code: Secret) -> None:
        digest = code_digest(PEPPER, self.world.request("", {"code": code.reveal()}))
        assert digest is not None
        grant = self.world.grants[self.world.codes[digest].grant_id]
        self.world.apply(end_grant(self.world.issuer, grant, self.now))

    @rule(token=tokens)
    def the_user_revokes_what_is_in_use(self, token: Secret) -> None:
        grant = self.world.grants[self._grant_of_token(token)]
        self.world.apply(end_grant(self.world.issuer, grant, self.now))

    @rule(is_member=st.sampled_from([True, True, True, False]))
    def the_user_leaves_the_company_or_comes_back(self, is_member: bool) -> None:
        self.world.is_member = is_member

    # What must hold.

    def _refreshing(self, request: TokenRequest, by: Authenticated | None) -> Callable[[], Granted[Tokens] | Refused]:
        digest = refresh_digest(PEPPER, request)
        return lambda: self.world.decide_refresh(request, self.world.refresh_facts(digest), self.now, by)

    def _both(self, show: Callable[[], object]) -> list[Pending]:
        return [one for one in (show(), show()) if isinstance(one, Pending)]

    def _decided(
        self, shown: Secret, decide: Callable[[], Granted[Tokens] | Refused], grant_id: GrantId | None
    ) -> object:
        decision = decide()
        if grant_id is not None and isinstance(decision, Granted):
            assert is_live(self.world.standing(self.world.grants[grant_id])), "granted, though it has ended"
        one = Pending(shown, decide, decision, grant_id, at=self.now)
        if not decision.changes:
            self._said(one)
            return multiple()
        return one

    def _said(self, one: Pending) -> object:
        """Look at an answer that left the server, and return the refresh token that the client has now."""
        if not isinstance(one.decision, Granted):
            return multiple()
        assert one.facts_grant is not None
        repeat = any(isinstance(change, NoteRepeat) for change in one.decision.changes)
        assert self.world.grants[one.facts_grant].revoked_at is None or not one.decision.changes
        assert claims_of(one.decision.answer)["gid"] == one.facts_grant
        if any(isinstance(change, RedeemCode) for change in one.decision.changes):
            self.code_successes[one.shown] = self.code_successes.get(one.shown, 0) + 1
            assert self.code_successes[one.shown] == 1, "two successes for one code"
        given = one.decision.answer.refresh_token
        assert given is not None
        if self.kind != "static" and one.shown.reveal().startswith("pvk_rt_"):
            self.successors.setdefault(one.shown, set()).add(given.reveal())
            self.jtis.setdefault(one.shown, set()).add(claims_of(one.decision.answer)["jti"])
            assert len(self.successors[one.shown]) == 1, "two successors for one token"
            assert len(self.jtis[one.shown]) == 1, "two access tokens for one token"
            assert not repeat or self.kind == "rotating"
        return given

    def _grant_of_code(self, digest: bytes | None) -> GrantId | None:
        return self.world.codes[digest].grant_id if digest is not None else None

    def _grant_of_token(self, token: Secret) -> GrantId:
        return self.world.families[self.world.row(token).family_id].grant_id

    @invariant()
    def every_family_has_one_unused_token_of_its_generation(self) -> None:
        for family in self.world.families.values():
            unused = [
                token.generation
                for token in self.world.tokens.values()
                if token.family_id == family.id and token.redeemed_at is None
            ]
            assert unused == [family.generation]

    @invariant()
    def every_grant_has_one_family_at_most(self) -> None:
        grants = [family.grant_id for family in self.world.families.values()]
        assert len(grants) == len(set(grants))

    @invariant()
    def whatever_ended_is_known_to_the_guards_for_as_long_as_its_tokens_live(self) -> None:
        for grant in self.world.grants.values():
            if grant.revoked_at is not None:
                assert self.world.revocations[grant.id] > grant.revoked_at + self.world.issuer.lifetime

    @invariant()
    def what_a_repeat_may_get_is_kept_for_the_last_generation_only(self) -> None:
        for token in self.world.tokens.values():
            if token.reissue is not None:
                assert self.world.families[token.family_id].generation == token.generation + 1


def test_I2_F2_no_order_of_decisions_gives_one_code_or_generation_twice() -> None:
    run_state_machine_as_test(GrantMachine, settings=settings(max_examples=150, stateful_step_count=40, deadline=None))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_F3_nor_does_any_of_very_many_orders() -> None:
    run_state_machine_as_test(GrantMachine, settings=settings(max_examples=2000, stateful_step_count=80, deadline=None))
