"""A refresh token for tokens: static, rotating, and the repeat that is safe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from behalf_store import a_world, another_client, claims_of, granted, refusal, successor_of
from builders import NOW, a_user
from portvakt.jose.sealing import UnsealFailed
from portvakt.model.audit import Act
from portvakt.model.behalf_change import AdvanceFamily, NoteRepeat, RevokeFamily, RevokeGrant
from portvakt.model.change import Note
from portvakt.model.decision import Granted, Refused
from portvakt.model.values import Instant, Seconds
from portvakt.protocol.credentials import Kind, mint
from portvakt.protocol.ending import end_family
from portvakt.providers import PROVIDERS

INVALID_GRANT = ("invalid_grant", 400)
WINDOW = 10
DAY = 86400
WITHOUT_WINDOW = replace(PROVIDERS["standard"], reissue_window=Seconds(0))


def test_a_rotating_token_gives_a_successor_and_a_token_for_the_same_grant() -> None:
    world = a_world()
    first = granted(world.exchange(world.agree()))
    assert first.refresh_token is not None

    second = granted(world.refresh(first.refresh_token, after=5))

    assert second.refresh_token not in {None, first.refresh_token}
    was, now = claims_of(first), claims_of(second)
    assert {name for name in was if was[name] != now[name]} == {"iat", "exp", "jti"}
    assert (now["exp"], second.lifetime, second.scope) == (NOW + 5 + 600, 600, "read write")
    assert (world.family().generation, world.live_leaves()) == (1, 1)


def test_the_roles_are_those_that_the_user_has_now() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))
    world.user = a_user(roles=frozenset({"new"}))

    assert claims_of(granted(world.refresh(token)))["roles"] == ["new"]


def test_lucas_token_stays_as_it_is_and_never_ends() -> None:
    world = a_world("luca")
    token = successor_of(world.exchange(world.agree(scopes=("accounting",))))

    for after in (0, 1, 100 * 365 * DAY):
        decision = world.refresh(token, after=after)
        assert successor_of(decision) == token
        assert decision.changes == ()


def test_a_client_that_may_not_refresh_is_told_so() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))
    world.client = replace(world.client, client=replace(world.client.client, grants=frozenset({"authorization_code"})))

    assert refusal(world.refresh(token)) == ("unauthorized_client", 400)


def test_no_part_and_no_alteration_of_a_refresh_token_is_one() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree())).reveal()
    altered = [token[:end] for end in range(len(token))] + [token[start:] for start in range(1, len(token))]
    altered += [f" {token}", token + "A", token.upper(), token.replace("pvk_rt_", "pvk_ac_"), token * 2]
    altered += [mint(Kind.REFRESH_TOKEN, b"?" * 32).reveal()]

    for text in altered:
        decision = world.refresh(text)
        assert refusal(decision) == INVALID_GRANT
        assert decision.changes == ()
    granted(world.refresh(token))


@pytest.mark.parametrize("after", [WINDOW, WINDOW + 1, DAY])
def test_F1_an_old_token_after_the_window_ends_the_family_and_the_grant(after: int) -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    new = successor_of(world.refresh(old))

    replay = world.refresh(old, after=after)

    assert refusal(replay) == INVALID_GRANT
    assert [type(change) for change in replay.changes[:2]] == [RevokeGrant, RevokeFamily]
    assert world.revocations[world.grant().id] >= NOW + after + 600
    assert refusal(world.refresh(new, after=after)) == INVALID_GRANT
    assert world.live_leaves() == 0


def test_F1_a_replay_of_what_has_ended_changes_nothing_more() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    world.refresh(old)
    world.refresh(old, after=WINDOW)

    again = world.refresh(old, after=WINDOW)

    assert refusal(again) == INVALID_GRANT
    assert again.changes == ()


def test_F1_a_replay_is_in_the_log_once_with_both_addresses() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    world.refresh(old, address="192.0.2.1")

    for _ in range(2):
        world.refresh(old, after=WINDOW, address="198.51.100.7")

    (event,) = (event for event in world.events if event.act is Act.REFRESH_TOKEN_REPLAYED)
    assert (event.id, event.client, event.user) == (world.family().id, world.client.client.id, world.user.id)
    assert event.after == {"generation": 0, "from": "198.51.100.7", "first_from": "192.0.2.1"}


def test_F1_a_replay_ends_the_family_of_a_grant_that_was_revoked() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    world.refresh(old)
    world.apply([RevokeGrant(world.issuer.name, world.grant().id, NOW)])

    replay = world.refresh(old, after=WINDOW)

    assert [type(change) for change in replay.changes] == [RevokeFamily, Note]


def test_F2_without_a_window_the_second_of_two_is_a_replay() -> None:
    world = a_world(WITHOUT_WINDOW)
    old = successor_of(world.exchange(world.agree()))
    request = world.request("refresh_token", {"refresh_token": old.reveal()})
    digest = world.row(old).digest
    facts = world.refresh_facts(digest)

    first, second = (world.decide_refresh(request, facts, NOW) for _ in range(2))
    world.apply(first.changes)
    lost = world.apply(second.changes)
    again = world.decide_refresh(request, world.refresh_facts(digest), NOW)

    assert isinstance(getattr(lost, "change", None), AdvanceFamily)
    assert refusal(again) == INVALID_GRANT
    assert isinstance(again.changes[1], RevokeFamily)
    assert world.row(old).reissue is None


def test_F3_F4_the_same_request_within_the_window_gets_the_same_answer() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    first = granted(world.refresh(old))

    again = granted(world.refresh(old, after=WINDOW - 1))

    assert again.refresh_token == first.refresh_token
    assert claims_of(again) == claims_of(first)
    assert again.lifetime == 600 - (WINDOW - 1)
    assert again.scope == first.scope
    assert world.live_leaves() == 1


def test_F4_a_repeat_does_not_extend_the_window() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    world.refresh(old)
    granted(world.refresh(old, after=WINDOW - 1))

    assert refusal(world.refresh(old, after=WINDOW)) == INVALID_GRANT
    assert world.live_leaves() == 0


def test_F4_once_the_successor_was_used_the_parent_is_a_replay_within_the_window_too() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    new = successor_of(world.refresh(old))
    granted(world.refresh(new))

    assert refusal(world.refresh(old)) == INVALID_GRANT
    assert world.live_leaves() == 0


def test_F4_what_the_parent_could_get_is_forgotten_once_its_successor_is_used() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    new = successor_of(world.refresh(old))
    assert world.row(old).reissue is not None

    granted(world.refresh(new))

    assert (world.row(old).reissue, world.row(old).request) == (None, None)


def test_F4_a_repeat_that_was_overtaken_is_no_answer() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    new = successor_of(world.refresh(old))
    request = world.request("refresh_token", {"refresh_token": old.reveal()})
    repeat = world.decide_refresh(request, world.refresh_facts(world.row(old).digest), NOW)
    granted(world.refresh(new))

    lost = world.apply(repeat.changes)

    assert isinstance(getattr(lost, "change", None), NoteRepeat)


@pytest.mark.parametrize("spoilt", ["no successor", "used successor", "another generation"])
def test_F4_a_parent_without_an_unused_successor_is_a_replay(spoilt: str) -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    world.refresh(old)
    facts = world.refresh_facts(world.row(old).digest)
    assert facts is not None
    assert facts.successor is not None
    spoiled = {
        "no successor": replace(facts, successor=None),
        "used successor": replace(facts, successor=replace(facts.successor, redeemed_at=NOW)),
        "another generation": replace(facts, family=replace(facts.family, generation=2)),
    }
    request = world.request("refresh_token", {"refresh_token": old.reveal()})

    decision = world.decide_refresh(request, spoiled[spoilt], NOW)

    assert refusal(decision) == INVALID_GRANT
    assert decision.changes


def test_F5_a_token_of_another_client_is_refused_and_stays_good() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))

    stolen = world.refresh(token, by=another_client())

    assert refusal(stolen) == INVALID_GRANT
    assert stolen.changes == ()
    world.refresh(token)
    assert world.refresh(token, by=another_client(), after=DAY).changes == ()  # nor does its replay end anything
    assert world.live_leaves() == 1


def test_F6_a_token_that_was_revoked_is_refused_within_the_window() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    new = successor_of(world.refresh(old))
    world.apply(end_family(world.issuer, world.family(), world.grant(), NOW))

    for token in (old, new):
        decision = world.refresh(token)
        assert refusal(decision) == INVALID_GRANT
        assert decision.changes == ()


def test_F6_a_family_that_was_revoked_alone_is_as_dead() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    new = successor_of(world.refresh(old))
    world.apply([RevokeFamily(world.issuer.name, world.family().id, NOW)])

    for token in (old, new):
        decision = world.refresh(token)
        assert refusal(decision) == INVALID_GRANT
        assert decision.changes == ()


def test_F6_a_grant_that_was_revoked_ends_its_refresh_tokens() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    new = successor_of(world.refresh(old))
    world.apply([RevokeGrant(world.issuer.name, world.grant().id, NOW)])

    assert refusal(world.refresh(old)) == refusal(world.refresh(new)) == INVALID_GRANT


def test_F7_a_grandparent_within_the_window_ends_the_family() -> None:
    world = a_world()
    first = successor_of(world.exchange(world.agree()))
    second = successor_of(world.refresh(first))
    world.refresh(second)

    decision = world.refresh(first)

    assert refusal(decision) == INVALID_GRANT
    assert isinstance(decision.changes[1], RevokeFamily)


def test_F8_a_wider_scope_is_refused_and_a_narrower_one_does_not_stick() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree(scopes=("read", "write"))))

    narrow = world.refresh(token, scope="read")
    wide = world.refresh(successor_of(narrow))

    assert granted(narrow).scope == claims_of(granted(narrow))["scope"] == "read"
    assert granted(wide).scope == "read write"


@pytest.mark.parametrize("scope", ["admin", "read admin", "READ", "read  write", "a" * 5000])
def test_F8_a_scope_that_was_not_granted_is_refused_and_the_token_stays_good(scope: str) -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))

    decision = world.refresh(token, scope=scope)

    assert refusal(decision) == ("invalid_scope", 400)
    assert decision.changes == ()
    granted(world.refresh(token))


@pytest.mark.parametrize("provider", ["standard", "luca"])
def test_F8_a_scope_that_the_client_lost_is_not_given(provider: str) -> None:
    world = a_world(provider)
    first = successor_of(world.exchange(world.agree()))

    world.leave_scopes("write", "more")
    narrow = world.refresh(first)
    second = successor_of(narrow)

    assert claims_of(granted(narrow))["scope"] == "write"
    for scope in ("read", "read write", "more"):
        assert refusal(world.refresh(second, scope=scope)) == ("invalid_scope", 400)
    world.leave_scopes("more")
    assert refusal(world.refresh(second)) == refusal(world.refresh(second, scope="write")) == INVALID_GRANT
    world.leave_scopes("read", "write")  # nothing was ended: what is given back works again
    assert claims_of(granted(world.refresh(second)))["scope"] == "read write"


def test_F8_F16_a_repeat_holds_no_scope_that_the_client_lost_since() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))
    lost = world.refresh(token)

    world.leave_scopes("write")
    again = world.refresh(token)
    world.leave_scopes("read", "write", "more")
    whole = world.refresh(token)

    was, now = claims_of(granted(lost)), claims_of(granted(again))
    assert {name for name in was if was[name] != now[name]} == {"scope"}
    assert (now["scope"], granted(again).scope) == ("write", "write")
    assert successor_of(again) == successor_of(lost)
    assert claims_of(granted(whole)) == was


def test_F8_F16_a_repeat_that_asked_for_a_scope_that_the_client_lost_since_is_refused() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))
    lost = world.refresh(token, scope="read")

    world.leave_scopes("write")

    assert refusal(world.refresh(token, scope="read")) == ("invalid_scope", 400)
    assert claims_of(granted(world.refresh(successor_of(lost))))["scope"] == "write"


def test_F16_the_answer_of_a_grant_without_scopes_is_repeated_without() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree(scopes=())))

    first, again = (claims_of(granted(world.refresh(token))) for _ in range(2))

    assert first == again
    assert "scope" not in again


def test_F8_a_resource_that_is_no_api_is_refused() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))

    assert refusal(world.refresh(token, resource="https://other.example")) == ("invalid_target", 400)
    granted(world.refresh(token, resource="https://id.example/api"))


def test_F10_a_token_that_nobody_used_for_the_idle_time_has_ended() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))

    assert refusal(world.refresh(token, after=30 * DAY)) == INVALID_GRANT
    granted(world.refresh(token, after=30 * DAY - 1))


def test_F10_a_family_ends_however_often_it_is_used() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))
    for day in range(20, 361, 20):
        token = successor_of(world.refresh(token, after=day * DAY))
    last = successor_of(world.refresh(token, after=365 * DAY - 1))

    over = world.refresh(last, after=365 * DAY)

    assert refusal(over) == INVALID_GRANT
    assert world.row(last).expires_at == world.family().ends_at


def test_F10_a_family_that_ends_within_the_window_gives_nothing_again() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))
    family = world.family()
    world.families[family.id] = replace(family, ends_at=Instant(NOW + 5))
    world.refresh(token)

    decision = world.refresh(token, after=5)

    assert refusal(decision) == INVALID_GRANT
    assert decision.changes == ()


def test_F10_the_end_of_a_family_ends_a_token_that_says_otherwise() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))
    family = world.family()
    world.families[family.id] = replace(family, ends_at=Instant(NOW + 5))

    assert refusal(world.refresh(token, after=5)) == INVALID_GRANT


def test_F12_a_secret_or_key_that_was_rotated_changes_nothing_for_a_repeat() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    first = world.refresh(old)
    by = world.authenticated(world.request("refresh_token", {}))
    assert by.secret is not None
    other = replace(by, secret=replace(by.secret, digest=b"another"))

    assert successor_of(world.refresh(old, by=other)) == successor_of(first)


def test_F14_the_window_is_counted_from_what_is_stored() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    world.refresh(old, after=100)
    restarted = replace(world)

    assert isinstance(restarted.refresh(old, after=109), Granted)
    assert refusal(restarted.refresh(old, after=110)) == INVALID_GRANT
    assert restarted.live_leaves() == 0


@pytest.mark.parametrize(
    "other",
    [
        {"scope": "read"},
        {"scope": "write read"},
        {"resource": "https://id.example/api"},
        {"method": "client_secret_basic"},
    ],
)
def test_F15_a_repeat_that_asks_for_something_else_is_refused_and_the_family_lives(other: dict[str, str]) -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    world.refresh(old)

    decision = world.refresh(old, after=1, **other)  # type: ignore[arg-type]

    assert refusal(decision) == INVALID_GRANT
    assert decision.changes == ()
    assert world.live_leaves() == 1
    granted(world.refresh(old, after=1))


def test_F15_the_order_of_scopes_makes_no_other_request() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    first = granted(world.refresh(old, scope="read write"))

    again = granted(world.refresh(old, scope="write read"))

    assert claims_of(again) == claims_of(first)


def test_F15_another_request_after_the_window_is_a_replay() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    world.refresh(old)

    world.refresh(old, after=WINDOW, scope="read")

    assert world.live_leaves() == 0


def test_F16_two_repeats_have_one_jti() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))

    answers = [granted(world.refresh(old, after=after)) for after in (0, 3, 6)]

    assert len({str(claims_of(answer)) for answer in answers}) == 1
    assert len({answer.refresh_token for answer in answers}) == 1
    assert world.family().repeats == 1


def alternate(*, public: bool, generations: int, times: int = 1) -> tuple[list[Granted[object] | Refused], int]:
    """Let two parties show every generation; return what the second was told, and how many leaves live."""
    world = a_world(public=public)
    token = successor_of(world.exchange(world.agree()))
    told: list[Granted[object] | Refused] = []
    for _ in range(generations):
        first = world.refresh(token)
        told += [world.refresh(token) for _ in range(times)]
        if isinstance(first, Refused):
            break
        token = successor_of(first)
    return told, world.live_leaves()


def test_F17_for_a_public_client_three_generations_running_are_a_replay() -> None:
    told, leaves = alternate(public=True, generations=3)

    assert [isinstance(decision, Granted) for decision in told] == [True, True, False]
    assert refusal(told[2]) == INVALID_GRANT  # type: ignore[arg-type]
    assert leaves == 0


def test_F17_who_repeats_each_generation_twice_is_counted_all_the_same() -> None:
    told, leaves = alternate(public=True, generations=3, times=2)

    assert [isinstance(decision, Granted) for decision in told] == [True] * 4 + [False] * 2
    assert leaves == 0


def test_F17_for_a_confidential_client_they_are_three_events() -> None:
    told, leaves = alternate(public=False, generations=4, times=3)

    events = [change.event for decision in told for change in decision.changes if isinstance(change, Note)]
    assert [event.after["generation"] for event in events if event.act is Act.REFRESH_TOKEN_REPEATED] == [0, 1, 2, 3]
    notes = [change for decision in told for change in decision.changes]
    assert [change.repeats for change in notes if isinstance(change, NoteRepeat)] == [
        1,
        1,
        1,
        2,
        2,
        2,
        3,
        3,
        3,
        4,
        4,
        4,
    ]
    assert leaves == 1


def test_F17_a_generation_without_a_repeat_begins_the_count_anew() -> None:
    world = a_world(public=True)
    token = successor_of(world.exchange(world.agree()))
    for generation in range(9):
        successor = successor_of(world.refresh(token))
        if generation % 3 != 2:
            granted(world.refresh(token))
        token = successor

    assert world.live_leaves() == 1


def test_F17_one_who_repeats_the_same_generation_often_is_no_thief() -> None:
    world = a_world(public=True)
    token = successor_of(world.exchange(world.agree()))

    for _ in range(10):
        granted(world.refresh(token))


@pytest.mark.parametrize("what", ["user", "client", "organisation", "member"])
@pytest.mark.parametrize("redeemed", [False, True])
def test_F18_G6_G7_who_ended_gets_nothing_and_nothing_more_is_revoked(what: str, redeemed: bool) -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))
    by = world.authenticated(world.request("refresh_token", {}))
    if redeemed:
        world.refresh(token)
    assert world.organisation is not None
    if what == "user":
        world.user = replace(world.user, disabled_at=NOW)
    elif what == "client":
        world.client = replace(world.client, client=replace(world.client.client, disabled_at=NOW))
    elif what == "organisation":
        world.organisation = replace(world.organisation, disabled_at=NOW)
    else:
        world.is_member = False

    decision = world.refresh(token, by=by)

    assert refusal(decision) == INVALID_GRANT
    assert decision.changes == ()


def test_what_is_kept_for_a_repeat_opens_with_the_presented_token_only() -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    successor = successor_of(world.refresh(old))

    row = world.row(old)

    assert row.reissue is not None
    assert successor.reveal().encode() not in row.reissue
    assert "reissue" not in repr(row)


@pytest.mark.parametrize("moved", ["generation", "family", "client", "digest"])
def test_what_is_kept_for_a_repeat_does_not_open_elsewhere(moved: str) -> None:
    world = a_world()
    old = successor_of(world.exchange(world.agree()))
    world.refresh(old)
    facts = world.refresh_facts(world.row(old).digest)
    assert facts is not None
    by = world.authenticated(world.request("refresh_token", {}))
    if moved == "generation":
        facts = replace(facts, token=replace(facts.token, generation=5), family=replace(facts.family, generation=6))
    elif moved == "family":
        facts = replace(facts, family=replace(facts.family, id=facts.family.id + "x"))  # type: ignore[arg-type]
    elif moved == "client":
        by = another_client()
        facts = replace(facts, family=replace(facts.family, client_id=by.facts.client.id))
    else:
        facts = replace(facts, token=replace(facts.token, digest=b"d" * 32))
    request = world.request("refresh_token", {"refresh_token": old.reveal()})

    with pytest.raises(UnsealFailed):
        world.decide_refresh(request, facts, NOW, by)


def test_a_provider_that_turned_static_lets_the_last_token_be() -> None:
    world = a_world()
    token = successor_of(world.exchange(world.agree()))
    provider = replace(world.issuer.provider, refresh=PROVIDERS["luca"].refresh)
    world.issuer = replace(world.issuer, provider=provider)

    assert successor_of(world.refresh(token)) == token
