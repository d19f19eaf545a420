from __future__ import annotations

import pytest
from ariadne import QueryType, make_executable_schema
from graphql import get_introspection_query

from portvakt.sandbox.graphql import Introspection, Limits, _Documents, _NoGraphQL

USUAL = Limits()
SCHEMA = make_executable_schema("type Query { deeper: Query, name(of: [ID]): String }", QueryType())


def documents(limits: Limits = USUAL, introspection: Introspection = Introspection.REFUSED) -> _Documents:
    return _Documents(SCHEMA, limits, introspection)


def refusal(query: str, limits: Limits = USUAL, introspection: Introspection = Introspection.REFUSED) -> str:
    with pytest.raises(_NoGraphQL) as caught:
        documents(limits, introspection).of(query)
    (error,) = caught.value.errors
    return str(error["message"])


def nested(levels: int) -> str:
    return "{deeper" * (levels - 1) + "{name}" + "}" * (levels - 1)


def test_a_query_is_parsed_once() -> None:
    kept = documents()

    assert kept.of("{name}") is kept.of("{name}")


def test_the_documents_that_are_kept_take_bounded_room() -> None:
    kept = documents(Limits(remembered=3 * len("query a{name}")))
    first = kept.of("query a{name}")
    for name in "bcd":
        kept.of(f"query {name}{{name}}")

    assert len(kept._kept) == 3
    assert kept._characters == 3 * len("query a{name}")
    assert kept.of("query a{name}") is not first


def test_the_document_that_was_not_used_for_longest_goes_first() -> None:
    kept = documents(Limits(remembered=2 * len("query a{name}")))
    first = kept.of("query a{name}")
    kept.of("query b{name}")
    kept.of("query a{name}")
    kept.of("query c{name}")

    assert kept.of("query a{name}") is first


def test_a_query_that_was_refused_is_not_kept() -> None:
    kept = documents()
    with pytest.raises(_NoGraphQL):
        kept.of("{nothing}")

    assert not kept._kept


def test_the_deepest_query_that_is_allowed() -> None:
    documents(Limits(depth=10)).of(nested(10))

    assert refusal(nested(11), Limits(depth=10)) == "The query is nested too deep."


def test_the_widest_query_that_is_allowed() -> None:
    documents(Limits(selections=5)).of("{name name name name name}")

    assert refusal("{name name name name name name}", Limits(selections=5)) == "The query selects too much."


def test_the_most_aliases_that_are_allowed() -> None:
    documents(Limits(aliases=2)).of("{a:name b:name name}")

    assert refusal("{a:name b:name c:name}", Limits(aliases=2)) == "The query has too many aliases."


def test_an_inline_fragment_adds_no_level() -> None:
    documents(Limits(depth=1)).of("{...{... on Query{name}}}")


@pytest.mark.parametrize("query", ["{...a} fragment a on Query{name name}", "{...{name name}}"])
def test_what_a_fragment_selects_counts(query: str) -> None:
    documents(Limits(selections=3)).of(query)

    assert refusal(query, Limits(selections=2)) == "The query selects too much."


def test_depth_goes_through_fragments() -> None:
    query = "{deeper{...a}} fragment a on Query{deeper{name}}"
    documents(Limits(depth=3)).of(query)

    assert refusal(query, Limits(depth=2)) == "The query is nested too deep."


def test_fragments_that_multiply_are_refused() -> None:
    spreads = " ".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}" for n in range(30))

    assert refusal("{...f0}" + spreads + " fragment f30 on Query{name}") == "The query selects too much."


@pytest.mark.parametrize("query", ["{...a} fragment a on Query{...a}", "{name} fragment a on Query{...a}"])
def test_fragments_in_a_circle_are_refused(query: str) -> None:
    assert refusal(query) == "The query selects too much."


def test_a_fragment_that_is_not_there_is_refused() -> None:
    assert "'a'" in refusal("{...a}")


def test_all_operations_of_a_document_share_the_limits() -> None:
    assert refusal("query a{name} query b{name name}", Limits(selections=2)) == "The query selects too much."


def test_Q10_more_tokens_than_allowed_are_a_refusal() -> None:
    assert "1000 tokens" in refusal("{" + "name " * 1001 + "}")


def test_Q10_a_query_that_is_too_long_is_not_even_read() -> None:
    assert refusal("{" + "#" * 16384 + "\n") == "query is longer than 16384 characters."


@pytest.mark.parametrize(
    "query", ["{name(of:" + "[" * 490 + "]" * 490 + ")}", "{deeper" * 499, "{name(of:" + "{a:" * 300 + "1)}"]
)
def test_Q10_deep_literals_are_a_refusal(query: str) -> None:
    assert refusal(query).startswith("Syntax Error")


def test_Q7_introspection_is_off_unless_asked_for() -> None:
    for query in (
        "{__schema{types{name}}}",
        '{__type(name:"Query"){name}}',
        "{...a} fragment a on Query{__schema{description}}",
    ):
        assert refusal(query) == "Introspection is off."
        documents(introspection=Introspection.ANSWERED).of(query)


def test_Q7_a_type_may_tell_its_name() -> None:
    documents().of("{__typename}")


def test_the_introspection_query_of_the_usual_tools_is_answered_where_it_is_on() -> None:
    documents(introspection=Introspection.ANSWERED).of(get_introspection_query())


def test_introspection_has_limits_too() -> None:
    wide = "{__schema{" + "description " * 500 + "}}"
    twice = '{__schema{description} __type(name:"Query"){' + "name " * 449 + "}}"

    assert refusal(wide, introspection=Introspection.ANSWERED) == "The query selects too much."
    assert refusal(twice, introspection=Introspection.ANSWERED) == "The query selects too much."


def test_Q7_no_suggestions() -> None:
    assert refusal("{nam}") == "Cannot query field 'nam' on type 'Query'."
