"""Every refusal is explained: its cause, its rule, what to do, and the request as it would be right."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW, an_issuer
from portvakt.model.audit import RefusedRequest
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body
from portvakt.protocol.govern import explain as explaining
from portvakt.protocol.govern.corrected import SECRET, VARIABLES
from portvakt.protocol.govern.explain import EXPLANATIONS
from portvakt.protocol.govern.explanations_en import ENGLISH
from portvakt.protocol.govern.explanations_nb import BOKMAL
from portvakt.protocol.govern.near import PARTS, NearMiss, difference
from stored import a_client

if TYPE_CHECKING:
    from portvakt.model.nouns import Client, Issuer
    from portvakt.protocol.govern.explain import Explanation, Language
    from portvakt.protocol.govern.explanations import Say

HERE = an_issuer("standard", name="acme", url="https://id.example/acme")
CLIENT = a_client(scopes=("read", "write"), redirect_uris=("https://app.example/cb?a=b&c=$d",))
BOTH = replace(CLIENT, grants=frozenset({"authorization_code", "refresh_token"}))


def explain(
    refused: RefusedRequest,
    issuer: Issuer,
    client: Client | None,
    elsewhere: Issuer | None = None,
    language: Language = "en",
) -> Explanation:
    return explaining.explain(refused, issuer, client, spell="at {}".format, elsewhere=elsewhere, language=language)


def a_refusal(**changed: Any) -> RefusedRequest:
    fields: dict[str, Any] = {
        "reference": "ref_1",
        "issuer": HERE.name,
        "at": NOW,
        "client_id": CLIENT.id,
        "method": "POST",
        "path": "/acme/token",
        "address": "192.0.2.1",
        "status": 400,
        "code": "invalid_request",
        "reason": "",
    }
    return RefusedRequest(**{**fields, **changed})


@pytest.mark.parametrize("language", EXPLANATIONS)
@pytest.mark.parametrize("near", NearMiss)
def test_each_near_miss_is_explained_from_what_is_known_of_it(near: NearMiss, language: Language) -> None:
    hints: dict[str, Any] = {
        "sent": "application/json",
        "shown_as": "pvk_cs_ab…wxyz",
        "issuer": "other",
        "needed": "client_secret_basic",
        "ended": NOW,
        "until": NOW,
        "lacking": ("admin", "write"),
        "registered": "https://app.example/cb",
        "differs": "the port",
        "limit": 10,
        "window": 60,
    }

    said = explain(a_refusal(near=near.value, hints=hints), HERE, CLIENT, language=language)

    assert near in ENGLISH.near
    assert said.cause_in_english is (language == "en")
    for text in (said.cause, said.rule, said.what_to_do):
        assert text.endswith(".")
        assert not re.search(r"[{}]|not known|ikke kjent", text)
    assert said.curl


def places(say: Say) -> list[set[str]]:
    return [set(re.findall(r"{[a-z_]+}", text)) for text in (say.cause, say.rule, say.what_to_do)]


def clauses(say: Say) -> list[str]:
    return re.findall(r"(?:RFC \d+ )?§[\d.]*\d", say.rule)


@pytest.mark.parametrize("kind", ["near", "reasons", "codes"])
def test_both_languages_explain_the_same_refusals_from_the_same_facts(kind: str) -> None:
    english, bokmal = getattr(ENGLISH, kind), getattr(BOKMAL, kind)

    assert {key: places(say) for key, say in bokmal.items()} == {key: places(say) for key, say in english.items()}
    assert [key for key, say in english.items() if say.cause and not bokmal[key].cause] == []
    assert [key for key, say in bokmal.items() if kind != "codes" and not say.cause] == []
    assert {key: clauses(say) for key, say in bokmal.items()} == {key: clauses(say) for key, say in english.items()}


def test_what_is_no_sentence_is_said_in_both_languages_too() -> None:
    case, slash = difference("https://a.example/B", "https://a.example/b"), difference("https://a/b", "https://a/b/")
    hints = {"registered": "https://a/b", "differs": slash}

    said = [
        explain(a_refusal(near=near, hints=told), HERE, None, language="nb")
        for near, told in (("redirect_uri", hints), ("body", {"sent": Body.FORM.value}), ("scope", {}))
    ]

    assert BOKMAL.differing.keys() == {case, slash, *PARTS}
    assert BOKMAL.bodies.keys() == ENGLISH.bodies.keys() == {body.value for body in Body}
    assert said[0].cause.endswith("i én ting: en skråstrek til slutt.")
    assert said[1].cause.startswith("Kroppen var et skjema (application/x-www-form-urlencoded); ")
    assert (said[2].cause, "(ingen)" in said[2].what_to_do) == ("Klienten kan ikke be om: (ikke kjent).", True)


def test_a_reason_without_a_text_of_its_own_is_told_in_english_as_it_is() -> None:
    said = explain(a_refusal(code="invalid_grant", reason="no such thing"), HERE, None, language="nb")

    assert (said.cause, said.cause_in_english) == ("No such thing.", True)
    assert said.what_to_do == "Brukeren må logge inn på nytt."


@pytest.mark.parametrize("reason", ENGLISH.reasons)
def test_a_reason_has_a_text_of_its_own(reason: str) -> None:
    said = explain(a_refusal(reason=reason), HERE, None)

    assert said.cause.endswith(".")
    assert said.what_to_do == ENGLISH.reasons[reason].what_to_do


@pytest.mark.parametrize("code", [*ENGLISH.codes, "temporarily_unavailable"])
def test_a_code_has_a_rule_and_the_reason_is_the_cause(code: str) -> None:
    said = explain(a_refusal(code=code, reason="grant_type is missing."), HERE, None)

    assert said.rule
    assert said.cause in {"Grant_type is missing.", "The server was at fault, not the request."}


def test_what_is_not_known_is_said_to_be_so() -> None:
    assert "(not known)" in explain(a_refusal(near="quota"), HERE, None).cause
    assert explain(a_refusal(near="scope"), HERE, None).what_to_do.count("(none)") == 1


def test_the_credentials_of_another_issuer_are_right_there() -> None:
    there = an_issuer("breeze", name="breeze-test", url="https://id.example/breeze")
    refused = a_refusal(near=NearMiss.OTHER_ISSUER, hints={"issuer": there.name})

    said = explain(refused, HERE, CLIENT, there)

    assert "breeze-test" in said.cause
    assert said.curl.startswith(f"curl {there.url}{there.provider.token_paths[0]} ")


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
def test_a_token_of_another_issuers_client_is_shown_there(path: str) -> None:
    there = an_issuer("standard", name="acme-production", url="https://id.example/production")
    refused = a_refusal(near=NearMiss.OTHER_ISSUER, hints={"issuer": there.name}, path=f"/acme{path}")

    said = explain(refused, HERE, CLIENT, there)

    assert said.curl.startswith(f"curl {there.url}{path} ")
    assert 'token="$TOKEN"' in said.curl


def arguments(curl: str) -> list[str]:
    """Return what a shell makes of it, each variable being its own name."""
    variables = {name[1:]: f"<{name[1:]}>" for name in VARIABLES}
    script = curl.replace("curl ", "printf '%s\\n' ", 1)
    ended = subprocess.run(["/bin/sh", "-c", script], env=variables, capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (ClientAuthentication.ANY_SECRET, ["--user", "client_one:<CLIENT_SECRET>"]),
        (ClientAuthentication.BASIC, ["--user", "client_one:<CLIENT_SECRET>"]),
        (
            ClientAuthentication.POST,
            ["--data-urlencode", "client_id=client_one", "--data-urlencode", "client_secret=<CLIENT_SECRET>"],
        ),
        (ClientAuthentication.NONE, ["--data-urlencode", "client_id=client_one"]),
    ],
)
def test_the_right_request_authenticates_as_the_client_is_set(
    method: ClientAuthentication, expected: list[str]
) -> None:
    said = explain(a_refusal(), HERE, replace(CLIENT, authentication=method))

    sent = arguments(said.curl)
    assert sent[0] == "https://id.example/acme/token"
    assert sorted(sent[1:]) == sorted([*expected, "--data-urlencode", "grant_type=client_credentials"])


@pytest.mark.parametrize(
    ("client", "said", "expected"),
    [
        (CLIENT, "client_credentials", {"grant_type=client_credentials"}),
        (CLIENT, "refresh_token", {"grant_type=client_credentials"}),  # which the client has not
        (BOTH, "refresh_token", {"grant_type=refresh_token", "refresh_token=<REFRESH_TOKEN>"}),
        (
            BOTH,
            None,
            {
                "grant_type=authorization_code",
                "code=<CODE>",
                "code_verifier=<CODE_VERIFIER>",
                "redirect_uri=https://app.example/cb?a=b&c=$d",
            },
        ),
        (None, "authorization_code", {"code=<CODE>", "redirect_uri=<REDIRECT_URI>", "code_verifier=<CODE_VERIFIER>"}),
    ],
)
def test_the_right_request_has_what_its_grant_needs(client: Any, said: str | None, expected: set[str]) -> None:
    hints = {} if said is None else {"grant_type": said}

    assert expected <= set(arguments(explain(a_refusal(hints=hints), HERE, client).curl))


def test_the_right_request_asks_for_scopes_that_the_client_has() -> None:
    refused = a_refusal(near=NearMiss.SCOPE)

    assert "scope=read write" in arguments(explain(refused, HERE, CLIENT).curl)
    assert "scope" not in explain(refused, HERE, replace(CLIENT, scopes=())).curl


def a_json_issuer() -> Issuer:
    provider = replace(
        HERE.provider,
        token_bodies=frozenset({Body.JSON}),
        caller_authentication=ClientAuthentication.POST,
    )
    return replace(HERE, provider=provider)


def test_the_right_request_is_json_where_nothing_else_is_taken() -> None:
    refused = a_refusal(hints={"grant_type": "authorization_code"})

    sent = arguments(explain(refused, a_json_issuer(), replace(BOTH, name="it's")).curl)

    assert sent[1:4] == ["--header", "Content-Type: application/json", "--data"]
    assert json.loads(sent[4]) == {
        "grant_type": "authorization_code",
        "code": "<CODE>",
        "redirect_uri": "https://app.example/cb?a=b&c=$d",
        "code_verifier": "<CODE_VERIFIER>",
        "client_id": "client_one",
        "client_secret": "<CLIENT_SECRET>",
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/acme/revoke", "token=<TOKEN>"),
        ("/acme/introspect", "token=<TOKEN>"),
        ("/acme/authorize", "redirect_uri=https://app.example/cb?a=b&c=$d"),
    ],
)
def test_every_endpoint_for_programs_has_its_right_request(path: str, expected: str) -> None:
    sent = arguments(explain(a_refusal(path=path), HERE, CLIENT).curl)

    assert sent[0] == f"https://id.example{path}"
    assert expected in sent


def test_the_list_of_revocations_is_read_with_a_token() -> None:
    said = explain(a_refusal(path="/acme/revocations"), HERE, None)

    assert '"Authorization: Bearer $ACCESS_TOKEN"' in said.curl


@pytest.mark.parametrize("path", ["/acme/consent", "/admin/api/v1/issuers"])
def test_what_no_program_asks_for_has_no_right_request(path: str) -> None:
    assert explain(a_refusal(path=path), HERE, CLIENT).curl == ""


def test_a_request_without_a_known_client_has_variables() -> None:
    sent = arguments(explain(a_refusal(path="/acme/authorize"), HERE, None).curl)

    assert {"client_id=<CLIENT_ID>", "redirect_uri=<REDIRECT_URI>", "state=<STATE>"} <= set(sent)
    assert shlex.quote(SECRET) not in explain(a_refusal(), HERE, None).curl
