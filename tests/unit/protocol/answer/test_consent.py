"""What a user answers: for which company, and whether at all."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from behalf_store import CALLBACK, CHALLENGE, NUMBER, World, a_world, granted
from builders import NOW, PEPPER, a_user
from portvakt.model.audit import Act
from portvakt.model.behalf import Grant, Session, SessionFacts, Transaction
from portvakt.model.behalf_change import AddCode, AddGrant, AddTransaction, AnswerTransaction, KeepGrant
from portvakt.model.change import Applied, Note
from portvakt.model.decision import Granted, Refused
from portvakt.model.nouns import ClientAuthentication, Organisation
from portvakt.model.values import GrantId, Instant, IssuerName, OrganisationNumber, SessionId, UserId
from portvakt.protocol.answer.authorize import Authorization, SendBack, Target
from portvakt.protocol.answer.consent import (
    PENDING_LIMIT,
    RANDOM_OCTETS,
    SEVERAL,
    Form,
    Why,
    agreed_before,
    answer_transaction,
    choose_company,
    give_again,
    offer_companies,
    open_transaction,
    refuse_silently,
    tell_shown,
)

OTHER = OrganisationNumber("123456789")
ALLOW = Form("allow", shown=NUMBER)
"""The form of a page that shows `a_company()` alone."""


def a_company(number: str = NUMBER, *, disabled_at: Instant | None = None) -> Organisation:
    return Organisation(
        issuer=IssuerName("acme"),
        number=OrganisationNumber(number),
        name=f"Company {number}",
        created_at=NOW,
        disabled_at=disabled_at,
    )


def a_person(*organisations: Organisation, session: str = "ses_a") -> SessionFacts:
    return SessionFacts(
        session=Session(
            issuer=IssuerName("acme"),
            id=SessionId(session),
            digest=b"d",
            user_id=UserId("user_abc"),
            created_at=NOW,
            expires_at=Instant(NOW + 3600),
        ),
        user=a_user(),
        organisations=organisations,
    )


def an_authorization(
    world: World,
    *,
    organisation: OrganisationNumber | None = None,
    scopes: tuple[str, ...] = ("read",),
    asks_anew: bool = False,
) -> Authorization:
    return Authorization(
        target=Target(world.client, CALLBACK, redirect_sent=True),
        scopes=scopes,
        state="s",
        challenge=CHALLENGE,
        organisation=organisation,
        locale="nb",
        asks_anew=asks_anew,
    )


def opened(world: World, person: SessionFacts, organisation: OrganisationNumber | None = None) -> Transaction:
    decision = open_transaction(
        world.issuer,
        an_authorization(world, organisation=organisation),
        person,
        pending=0,
        random=world.random(RANDOM_OCTETS),
        now=NOW,
    )
    assert isinstance(decision, Granted)
    assert decision.changes == (AddTransaction(decision.answer),)
    return decision.answer


def answered(
    world: World,
    transaction: Transaction,
    person: SessionFacts,
    form: Form = ALLOW,
    *,
    after: int = 0,
    known: bool = True,
) -> Granted[SendBack] | Refused:
    return answer_transaction(
        world.issuer,
        transaction,
        person,
        world.client if known else None,
        form=form,
        pepper=PEPPER,
        random=world.random(RANDOM_OCTETS),
        now=Instant(NOW + after),
    )


def members_of(decision: Granted[SendBack] | Refused) -> dict[str, str]:
    assert isinstance(decision, Granted), decision
    assert decision.answer.location.startswith(CALLBACK + "?")
    return dict(parse_qsl(urlsplit(decision.answer.location).query))


def grant_of(decision: Granted[SendBack] | Refused) -> Grant:
    (added,) = (change for change in decision.changes if isinstance(change, AddGrant))
    return added.grant


def told(decision: Granted[SendBack] | Refused) -> tuple[Act, str, object]:
    """Return what the log is told, of which grant, and the scopes that it says."""
    (note,) = (change for change in decision.changes if isinstance(change, Note))
    return note.event.act, note.event.id, note.event.after["scopes"]


def why(decision: Granted[SendBack] | Refused) -> tuple[str, int]:
    assert isinstance(decision, Refused), decision
    assert decision.changes == ()
    return decision.code, decision.status


def test_a_user_who_agrees_sends_back_a_code_that_works() -> None:
    world, person = a_world(), a_person(a_company())
    transaction = opened(world, person)

    decision = answered(world, transaction, person)

    assert [type(change) for change in decision.changes] == [AnswerTransaction, AddGrant, AddCode, Note]
    assert told(decision) == (Act.GRANT_GIVEN, grant_of(decision).id, grant_of(decision).scopes)
    said = members_of(decision)
    assert list(said) == ["code", "state", "iss"]
    grant = grant_of(decision)
    assert (grant.user_id, grant.client_id, grant.organisation, grant.scopes) == (
        "user_abc",
        "client_abc",
        NUMBER,
        ("read",),
    )
    assert isinstance(world.apply(decision.changes), Applied)
    assert granted(world.exchange(said["code"])).scope == "read"


def test_the_code_lives_as_long_as_the_provider_says() -> None:
    for provider, lifetime in (("standard", 60), ("luca", 600)):
        world, person = a_world(provider), a_person(a_company())
        decision = answered(world, opened(world, person), person)
        (added,) = (change for change in decision.changes if isinstance(change, AddCode))
        assert added.code.expires_at == NOW + lifetime


def test_a_user_who_does_not_agree_sends_back_access_denied() -> None:
    world, person = a_world(), a_person(a_company())

    decision = answered(world, opened(world, person), person, Form("deny"))

    assert [type(change) for change in decision.changes] == [AnswerTransaction]
    assert members_of(decision) == {
        "error": "access_denied",
        "error_description": "The user did not agree.",
        "state": "s",
        "iss": "https://id.example",
    }


def test_the_only_company_is_no_choice_and_several_are_one() -> None:
    world = a_world()

    assert offer_companies(world.issuer, a_person(a_company()), None) == (a_company(),)
    assert offer_companies(world.issuer, a_person(a_company(), a_company(OTHER)), None) == (
        a_company(),
        a_company(OTHER),
    )
    assert offer_companies(world.issuer, a_person(a_company(disabled_at=NOW), a_company(OTHER)), None) == (
        a_company(OTHER),
    )


def test_a_user_without_a_company_may_agree_at_the_standard_and_not_at_luca() -> None:
    none = a_person()
    allow = Form("allow", shown="")

    assert offer_companies(a_world("standard").issuer, none, None) == ()
    outcome = offer_companies(a_world("luca").issuer, none, None)
    assert isinstance(outcome, Refused)
    assert outcome.code == "access_denied"
    world = a_world(organisation=False)
    decision = answered(world, opened(world, none), none, allow)
    assert grant_of(decision).organisation is None


def test_G6_a_forced_company_is_the_only_one_offered_and_only_to_its_members() -> None:
    world = a_world("luca")
    both = a_person(a_company(), a_company(OTHER))

    assert offer_companies(world.issuer, both, OTHER) == (a_company(OTHER),)
    for person in (a_person(a_company()), a_person(), a_person(a_company(OTHER, disabled_at=NOW))):
        outcome = offer_companies(world.issuer, person, OTHER)
        assert isinstance(outcome, Refused)
        assert outcome.code == "access_denied"


def test_a_user_of_several_companies_gets_the_one_that_was_chosen() -> None:
    world, person = a_world(), a_person(a_company(), a_company(OTHER))

    decision = answered(world, opened(world, person), person, Form("allow", OTHER, SEVERAL))

    assert grant_of(decision).organisation == OTHER


def test_where_there_is_a_choice_one_must_be_made() -> None:
    world, person = a_world(), a_person(a_company(), a_company(OTHER))

    decision = answered(world, opened(world, person), person, Form("allow", None, SEVERAL))

    assert why(decision) == (Why.COMPANY_MISSING, 400)


@pytest.mark.parametrize("number", ["000000000", "", "9" * 100, "987654321 ", "x"])
@pytest.mark.parametrize("companies", [0, 1, 2])
def test_G6_a_company_that_was_not_offered_is_refused(number: str, companies: int) -> None:
    offered = [a_company(), a_company(OTHER)][:companies]
    world, person = a_world(), a_person(*offered)

    decision = answered(world, opened(world, person), person, Form("allow", number, tell_shown(offered)))

    assert why(decision) == (Why.COMPANY, 403)


def test_G6_a_form_cannot_choose_beside_the_forced_company() -> None:
    world, person = a_world(), a_person(a_company(), a_company(OTHER))
    transaction = opened(world, person, OTHER)

    assert why(answered(world, transaction, person, Form("allow", NUMBER, OTHER))) == (Why.COMPANY, 403)
    assert grant_of(answered(world, transaction, person, Form("allow", None, OTHER))).organisation == OTHER
    assert grant_of(answered(world, transaction, person, Form("allow", OTHER, OTHER))).organisation == OTHER


def test_G6_a_membership_that_ended_while_the_page_stood_open_is_no_choice() -> None:
    world = a_world()
    transaction = opened(world, a_person(a_company(), a_company(OTHER)))
    now = a_person(a_company())

    assert why(answered(world, transaction, now, Form("allow", OTHER, SEVERAL))) == (Why.COMPANY, 403)
    forced = opened(world, a_person(a_company(OTHER)), OTHER)
    assert why(answered(world, forced, now, Form("allow", None, OTHER))) == ("access_denied", 400)


BOTH = (a_company(), a_company(OTHER))


@pytest.mark.parametrize(
    ("shown", "offered", "chosen", "given"),
    [
        ((), (), None, None),
        ((a_company(),), (a_company(),), None, NUMBER),
        ((a_company(),), (a_company(),), NUMBER, NUMBER),
        ((a_company(),), BOTH, None, NUMBER),  # what was shown is still the user's
        (BOTH, BOTH, OTHER, OTHER),
        (BOTH, (a_company(OTHER),), OTHER, OTHER),
    ],
)
def test_a_form_is_for_the_company_that_was_shown_or_chosen(
    shown: tuple[Organisation, ...],
    offered: tuple[Organisation, ...],
    chosen: str | None,
    given: OrganisationNumber | None,
) -> None:
    assert choose_company(offered, Form("allow", chosen, tell_shown(shown))) == given


@pytest.mark.parametrize(
    ("shown", "offered", "chosen"),
    [
        ((a_company(),), (a_company(OTHER),), None),  # the only one, and another than was shown
        ((a_company(),), (a_company(OTHER),), OTHER),
        ((a_company(),), BOTH, OTHER),
        ((a_company(),), (), None),
        ((), (a_company(),), None),
        ((), (a_company(),), NUMBER),
        ((), BOTH, None),
        (BOTH, (a_company(),), None),
        (BOTH, (a_company(),), OTHER),
        (BOTH, (), None),
        (BOTH, BOTH, SEVERAL),
    ],
)
def test_G6_U2_nobody_gives_a_company_that_was_not_before_their_eyes(
    shown: tuple[Organisation, ...], offered: tuple[Organisation, ...], chosen: str | None
) -> None:
    world = a_world()
    transaction = opened(world, a_person(*shown))

    decision = answered(world, transaction, a_person(*offered), Form("allow", chosen, tell_shown(shown)))

    assert why(decision) == (Why.COMPANY, 403)


def test_who_wants_no_question_is_told_which_one_there_is() -> None:
    assert refuse_silently((a_company(),)).code == refuse_silently(()).code == "consent_required"
    assert refuse_silently(BOTH).code == "interaction_required"


def test_U2_U7_a_transaction_of_another_session_or_user_is_refused() -> None:
    world, person = a_world(), a_person(a_company())
    transaction = opened(world, person)
    other_user = replace(person, user=replace(person.user, id=UserId("user_b")))

    assert why(answered(world, transaction, a_person(a_company(), session="ses_b"))) == (Why.FOREIGN, 403)
    assert why(answered(world, transaction, other_user)) == (Why.FOREIGN, 403)


def test_U7_a_session_that_ended_answers_nothing() -> None:
    world, person = a_world(), a_person(a_company())
    transaction = opened(world, person)
    revoked = replace(person, session=replace(person.session, revoked_at=NOW))
    disabled = replace(person, user=a_user(disabled_at=NOW))

    assert why(answered(world, transaction, revoked)) == (Why.FOREIGN, 403)
    assert why(answered(world, transaction, disabled)) == (Why.FOREIGN, 403)
    assert why(answered(world, transaction, person, after=3600)) == (Why.FOREIGN, 403)


@pytest.mark.parametrize("form", [ALLOW, Form("deny")])
def test_U11_a_request_is_answered_once(form: Form) -> None:
    world, person = a_world(), a_person(a_company())
    transaction = replace(opened(world, person), answered_at=NOW)

    assert why(answered(world, transaction, person, form)) == (Why.ANSWERED, 400)


def test_a_request_that_waited_too_long_is_not_answered() -> None:
    world, person = a_world(), a_person(a_company())
    transaction = opened(world, person)

    assert why(answered(world, transaction, person, after=600)) == (Why.EXPIRED, 400)
    assert isinstance(answered(world, transaction, person, after=599), Granted)


@pytest.mark.parametrize("decision", [None, "", "Allow", "yes", "allow\n"])
def test_a_form_without_a_decision_is_no_answer(decision: str | None) -> None:
    world, person = a_world(), a_person(a_company())

    assert why(answered(world, opened(world, person), person, Form(decision))) == (Why.FOREIGN, 403)


def test_G7_a_client_that_ended_meanwhile_is_sent_nothing() -> None:
    world, person = a_world(), a_person(a_company())
    transaction = opened(world, person)

    assert why(answered(world, transaction, person, known=False)) == (Why.CLIENT, 400)
    facts = world.client
    world.client = replace(facts, client=replace(facts.client, disabled_at=NOW))
    assert why(answered(world, transaction, person, Form("deny"))) == (Why.CLIENT, 400)
    world.client = replace(facts, client=replace(facts.client, redirect_uris=()))
    assert why(answered(world, transaction, person)) == (Why.CLIENT, 400)


def test_U10_so_many_requests_wait_in_one_session_and_no_more() -> None:
    world, person = a_world(), a_person(a_company())

    def decision(pending: int) -> Granted[Transaction] | Refused:
        return open_transaction(
            world.issuer, an_authorization(world), person, pending=pending, random=bytes(RANDOM_OCTETS), now=NOW
        )

    assert isinstance(decision(PENDING_LIMIT - 1), Granted)
    refused = decision(PENDING_LIMIT)
    assert isinstance(refused, Refused)
    assert refused.status == 429


def a_grant(**changes: object) -> Grant:
    grant = Grant(
        issuer=IssuerName("acme"),
        id=GrantId("grant_a"),
        user_id=UserId("user_abc"),
        client_id=a_world().client.client.id,
        organisation=NUMBER,
        scopes=("read", "write"),
        created_at=NOW,
    )
    return replace(grant, **changes)  # type: ignore[arg-type]


def test_what_was_agreed_to_before_is_not_asked_again() -> None:
    world, person = a_world(), a_person(a_company())
    authorization = an_authorization(world)
    agreed = agreed_before(world.issuer, authorization, person, (a_company(),), [a_grant()])
    assert agreed == a_grant()

    decision = give_again(
        world.issuer,
        authorization,
        person,
        agreed,
        pepper=PEPPER,
        random=world.random(RANDOM_OCTETS),
        now=NOW,
    )

    assert [type(change) for change in decision.changes] == [KeepGrant, AddGrant, AddCode, Note]
    assert told(decision) == (Act.GRANT_GIVEN, grant_of(decision).id, grant_of(decision).scopes)
    assert decision.changes[0] == KeepGrant(world.issuer.name, agreed.id)
    assert grant_of(decision).organisation == NUMBER
    assert members_of(decision)["state"] == "s"


def test_for_no_company_too() -> None:
    world, person = a_world(), a_person()
    authorization = an_authorization(world)
    bare = a_grant(organisation=None)

    assert agreed_before(world.issuer, authorization, person, (), [bare])
    assert not agreed_before(world.issuer, authorization, person, (), [a_grant()])
    decision = give_again(
        world.issuer, authorization, person, bare, pepper=PEPPER, random=world.random(RANDOM_OCTETS), now=NOW
    )
    assert grant_of(decision).organisation is None


@pytest.mark.parametrize(
    "grant",
    [
        a_grant(revoked_at=NOW),
        a_grant(scopes=("write",)),
        a_grant(organisation=OTHER),
        a_grant(organisation=None),
        a_grant(user_id="user_b"),
        a_grant(client_id="client_b"),
    ],
)
def test_another_grant_does_not_stand_for_it(grant: Grant) -> None:
    world, person = a_world(), a_person(a_company())

    assert not agreed_before(world.issuer, an_authorization(world), person, (a_company(),), [grant])
    assert agreed_before(world.issuer, an_authorization(world), person, (a_company(),), [grant, a_grant()])


def test_U9_a_public_client_is_never_let_in_without_a_question() -> None:
    world, person = a_world(public=True), a_person(a_company())

    assert world.client.client.authentication is ClientAuthentication.NONE
    assert not agreed_before(world.issuer, an_authorization(world), person, (a_company(),), [a_grant()])


def test_the_user_is_asked_where_there_is_a_choice_where_the_client_wants_it_and_always_at_luca() -> None:
    world, luca, person = a_world(), a_world("luca"), a_person(a_company())
    both = (a_company(), a_company(OTHER))

    assert not agreed_before(world.issuer, an_authorization(world), person, both, [a_grant()])
    anew = an_authorization(world, asks_anew=True)
    assert not agreed_before(world.issuer, anew, person, (a_company(),), [a_grant()])
    assert not agreed_before(luca.issuer, an_authorization(luca), person, (a_company(),), [a_grant()])
