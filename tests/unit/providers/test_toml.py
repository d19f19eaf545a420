"""A company's own provider in TOML: every axis can be said, and what is wrong is told by key and line, all at once."""

from __future__ import annotations

import dataclasses

import pytest

from portvakt.model.provider import Environment, Evidence, Provider, Quota
from portvakt.model.values import Seconds
from portvakt.protocol.answer.token import GRANTS as ANSWERED
from portvakt.providers import PROVIDERS
from portvakt.providers.toml import LARGEST, MOST_MISFITS, ProviderRefused, load_provider
from portvakt.providers.toml_keys import ANY, GRANTS, KEYS
from portvakt.providers.toml_rules import RULES
from provider_toml import MINIMAL, written

every_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda value: value.name)


def told(text: str | bytes) -> list[str]:
    with pytest.raises(ProviderRefused) as refused:
        load_provider(text if isinstance(text, bytes) else text.encode())
    return str(refused.value).splitlines()


def test_a_name_and_a_title_make_the_standard_of_that_name() -> None:
    provider = load_provider(MINIMAL.encode())

    assert provider == dataclasses.replace(PROVIDERS["standard"], name="acme", title="Acme")


@every_provider
def test_what_is_not_named_is_as_the_one_that_it_is_based_on(provider: Provider) -> None:
    loaded = load_provider(f'{MINIMAL}based_on = "{provider.name}"'.encode())

    assert loaded == dataclasses.replace(provider, name="acme", title="Acme", evidence=(), environments=())


@every_provider
def test_every_provider_written_out_and_loaded_again_is_equal(provider: Provider) -> None:
    named = dataclasses.replace(provider, name="acme", evidence=())

    assert load_provider(written(named).encode()) == named


@every_provider
def test_every_provider_that_portvakt_knows_keeps_the_rules(provider: Provider) -> None:
    assert [rule.text for rule in RULES if rule.broken(provider)] == []


def test_every_axis_has_a_key_and_every_key_an_axis() -> None:
    def axes(of: type) -> set[str]:
        return {field.name for field in dataclasses.fields(of)}

    nested = {
        "api": axes(type(PROVIDERS["standard"].api)),
        "rate_limited": axes(type(PROVIDERS["standard"].rate_limited)),
        "environments": axes(Environment) - {"name"},
    }
    expected: set[tuple[str, ...]] = {(name,) for name in axes(Provider) - nested.keys() - {"evidence"}}
    expected |= {(table, name) for table, names in nested.items() for name in names}

    assert {tuple(part for part in key if part != ANY) for key in KEYS} == expected
    assert "field" in axes(Evidence)  # who says so: the company's file itself does


def test_the_grants_are_those_that_are_answered() -> None:
    assert set(GRANTS) == set(ANSWERED)


def test_all_that_a_quota_an_environment_and_a_list_may_say() -> None:
    text = MINIMAL + (
        "rate_limited = {}\n"
        'token_quota = "5/90s"\nscopes = []\napi = { quota = "7/day", quota_headers = ["X-A", "x-b", "RateLimit-C"] }\n'
        '[environments]\ntest.issuer_url = "https://t.example"\ntest.api_url = "https://t.example/api"\n'
    )

    provider = load_provider(text.encode())

    assert (provider.token_quota, provider.api.quota) == (Quota(5, Seconds(90)), Quota(7, Seconds(86400)))
    assert (provider.scopes, provider.api.quota_headers) == ((), ("X-A", "x-b", "RateLimit-C"))
    assert provider.environments == (
        Environment(name="test", issuer_url="https://t.example", api_url="https://t.example/api"),
    )


CC = 'grants = ["client_credentials"]\n'

WRONG = {
    # keys
    "unknown": ("lifetim = 1", "line 3: lifetim: unknown key; did you mean lifetime?"),
    "unknown in an unknown table": (
        "[token]\nlifetim = 1",
        "line 4: token.lifetim: unknown key; did you mean lifetime?",
    ),
    "in the wrong table": (
        "audience_path = '/x'",
        "line 3: audience_path: unknown key; did you mean api.audience_path?",
    ),
    "in a table that is none": (
        "api.token_quota = '1/day'",
        "line 3: api.token_quota: unknown key; did you mean token_q",
    ),
    "in an inline table": ("\napi = {\tquot = 1 }", "line 4: api.quot: unknown key; did you mean api.quota?"),
    "quoted": ("\"lifetim\" = 1\n'consnt' = 2", "line 4: consnt: unknown key; did you mean consent?"),
    "of an environment": (
        "environments.x.issuer = 1",
        "line 3: environments.x.issuer: unknown key; did you mean environments.NAME.issuer_url?",
    ),
    "like none": ("zzz = 1", "line 3: zzz: unknown key; the guide to providers has every key"),
    "with a line break": ('"a\\nb" = 1', "line 3: a\\nb: unknown key"),
    "deep": ("a.b.c.d.e.f = 1", "line 3: a.b.c.d: unknown key"),
    "a table for a value": ("[api.quota]\nlimit = 3", 'line 3: api.quota: must be "100/hour"'),
    "a value for a table": ("api = 1", "line 3: api: must be a table: [api]"),
    "a list for a table": ("[[environments]]\nname = 'x'", "line 3: environments: must be a table: [environments]"),
    "an environment that is none": (
        "environments.x = 1",
        "line 3: environments.x: must be a table: [environments.NAME]",
    ),
    "an empty environment": ("[environments.x]", "line 3: environments.x.api_url: is missing"),
    "half an environment": (
        "[environments.x]\napi_url = 3",
        "line 3: environments.x.issuer_url: is missing",
    ),
    "an environment's name": (
        "[environments.Xx]\nissuer_url = 'https://a.example'",
        "line 3: environments.Xx: its name must be a lower-case letter",
    ),
    # values
    "another base": ("based_on = 'breze'", 'line 3: based_on: must be "breeze" or "luca" or "prisjakt" or "standard"'),
    "a number as text": ("lifetime = '600'", "line 3: lifetime: must be a whole number of seconds from 1 to 86400"),
    "a number as bool": ("lifetime = true", "line 3: lifetime: must be a whole number"),
    "out of range": ("reissue_window = 61", "line 3: reissue_window: must be a whole number of seconds from 0 to 60"),
    "an unknown word": ("refresh = 'rotate'", 'line 3: refresh: must be "none" or "rotating" or "static"'),
    "a word as number": ("refresh = 1", 'line 3: refresh: must be "none" or "rotating" or "static"'),
    "an unknown grant": ("grants = ['password']", 'line 3: grants: has an entry that must be "authorization_code" or'),
    "a list as text": ("grants = 'client_credentials'", "line 3: grants: must be a list, in which each is"),
    "an empty list": ("token_paths = []", "line 3: token_paths: must have 1 to 50 entries"),
    "twice in a list": ("token_paths = ['/a', '/a']", "line 3: token_paths: has an entry twice"),
    "without what is needed": ("reply_members = ['scope']", "line 3: reply_members: must hold access_token and token_"),
    "without iss": ("redirect_members = ['code', 'state']", "line 3: redirect_members: must hold iss"),
    "without GET": ("authorize_methods = ['POST']", "line 3: authorize_methods: must hold GET"),
    "another token type": ("token_type = 'mac'", 'line 3: token_type: must be "Bearer", its letters large or small'),
    "a title": ("[x]\n", "line 3: x: unknown key"),
    "a text with quotes": (
        "wrong_credentials_text = 'a\"b'",
        "line 3: wrong_credentials_text: must be a text of up to",
    ),
    "a text beyond ASCII": (
        "api.refused_text = 'nøkkel'",
        "line 3: api.refused_text: must be a text of up to 300 ASCII",
    ),
    "a text that is none": ("expired_secret_text = 1", "none of them a line break"),
    "an unknown place": (
        "rate_limited.text = '{minutes}'",
        "line 3: rate_limited.text: may hold {limit}, {window} and",
    ),
    "a place twice": ("api.quota_text = '{limit} {limit}'", "line 3: api.quota_text: may hold {limit}, {window} and"),
    "places side by side": ("api.quota_text = '{limit}s{seconds}'", "line 3: api.quota_text: has two places side by"),
    "a path without slash": (
        "token_paths = ['token']",
        "line 3: token_paths: has an entry that must be a path such as",
    ),
    "a path with dots": ("auth_path = '/a/..'", "line 3: auth_path: must be a path such as"),
    "a path that is long": (f"api_path = '/{'a' * 200}'", "line 3: api_path: must be a path such as"),
    "a path that is none": ("authorize_path = 1", 'between the slashes, and no slash at the end, or "off"'),
    "a path of the installation": (
        "token_paths = ['/x', '/livez']",
        "line 3: token_paths: has an entry that is at /livez, which belongs to the installation; choose another path",
    ),
    "a path of the server": (
        "authorize_path = '/login'",
        "line 3: authorize_path: is at /login, where the server itself",
    ),
    "a well-known path": ("token_paths = ['/.well-known/x']", "is at /.well-known, where the server itself answers"),
    "a url over http": ("environments.x.api_url = 'http://a.example'", "line 3: environments.x.api_url: is plain http"),
    "a url that is none": ("environments.x.api_url = 1", "line 3: environments.x.api_url: must be a URL such as"),
    "a prefix": ("client_id_prefix = 'Acme'", "line 3: client_id_prefix: must be a lower-case letter, then up to 18"),
    "a user's prefix": ("client_id_prefix = 'user_'", "line 3: client_id_prefix: is what ids of another kind begin"),
    "a quota": ("token_quota = '1/month'", 'line 3: token_quota: must be "100/hour"'),
    "a large quota": ("token_quota = '1000000001/day'", 'line 3: token_quota: must be "100/hour"'),
    "a scope of the server's": (
        "scopes = ['portvakt:revocations']",
        "line 3: scopes: has an entry that must be a scope",
    ),
    "a header that means something": (
        "api.quota_headers = ['Set-Cookie', 'X-B', 'X-C']",
        "line 3: api.quota_headers: has an entry that must be a header's name that begins with X- or RateLimit",
    ),
    "two headers": ("api.quota_headers = ['X-A', 'X-B']", "line 3: api.quota_headers: must have 3 entries"),
    # what does not go together
    "a code without a path": (
        "authorize_path = 'off'",
        'line 3: authorize_path: is "off", so nobody gets a code; give it a path, or leave authorization_code out',
    ),
    "a path without a code": (
        CC,
        "line 3: authorize_path: as standard has it, is of no use without authorization_code; add that to grants",
    ),
    "refresh without a policy": (
        "refresh = 'none'",
        'line 3: refresh: is "none", yet grants has refresh_token; say ref',
    ),
    "a policy without refresh": (CC, 'line 3: refresh: as standard has it, is not "none", yet grants lacks'),
    "refresh without a code": ("grants = ['refresh_token']", "line 3: grants: has refresh_token, which no other grant"),
    "refresh that is not said": (
        "reply_members = ['access_token', 'token_type']",
        "line 3: reply_members: lacks refresh_token, which grants has",
    ),
    "stated to have ended": ("lifetime = 5\nstated_short_by = 5", "line 4: stated_short_by: is not less than lifetime"),
    "idle for ever": ("refresh_absolute = 60", "line 3: refresh_idle: as standard has it, is longer than refresh_abs"),
    "API keys without log-in": (
        f"{CC}authorize_path = 'off'\nrefresh = 'none'\napi_keys = 'personal'",
        'line 6: api_keys: is "personal", yet nobody logs in',
    ),
    "a scope that nobody has": (
        "scopes = []\nauthorize_requires = ['client_id', 'response_type', 'scope']",
        "line 4: authorize_requires: has scope, yet scopes is empty",
    ),
    "two endpoints at one path": ("authorize_path = '/token'", "line 3: authorize_path: is one of token_paths, too"),
    "the API in the way": (
        "api = { path = '/token' }\napi_path = ''",
        "line 3: api.path: is where the issuer answers, too; give the API another path",
    ),
    "a part of the API's path twice": (
        "based_on = 'luca'\napi.path = '/v1/graphql'",
        "line 4: api.path: begins with what api_path ends with, which would be there twice; leave it out here",
    ),
    "the whole of it": ("api.path = '/api/echo'", "line 3: api.path: begins with what api_path ends with"),
    "all that there is": ("api_path = '/v1/echo'", "line 3: api.path: as standard has it, begins with what api_path"),
}


@pytest.mark.parametrize(("text", "line"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_by_key_and_line_with_what_would_do(text: str, line: str) -> None:
    lines = told(MINIMAL + text)

    assert any(line in each for each in lines), lines


WRONG_NAMES = {
    "": ['line 1: name: is missing; say name = "acme"', 'line 1: title: is missing; say title = "Acme"'],
    "title = ' '\nname = 'Acme'": [
        "line 1: title: must be a text of 1 to 60 printable characters",
        "line 2: name: must be a lower-case letter, then up to 31 letters, digits and hyphens",
    ],
    "title = 'x'\nname = 'luca'": ["line 2: name: is the name of one that portvakt has; choose another"],
    "title = 'x'\nname = 'portvakt'": ["line 2: name: is the name of one that portvakt has; choose another"],
}


@pytest.mark.parametrize(("text", "lines"), WRONG_NAMES.items())
def test_a_provider_has_a_name_and_a_title_of_its_own(text: str, lines: list[str]) -> None:
    assert told(text) == lines


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_its_lines() -> None:
    text = "lifetime = 0\n[api]\nkind = 'soap'\n[environments.x]\nissuer = 1\n[token]\nlifetim = 2\ntype = 'x'\n"

    lines = told(text)

    assert [line.split(": ")[:2] for line in lines] == [
        ["line 1", "lifetime"],
        ["line 1", "name"],
        ["line 1", "title"],
        ["line 3", "api.kind"],
        ["line 4", "environments.x.issuer_url"],
        ["line 4", "environments.x.api_url"],
        ["line 5", "environments.x.issuer"],
        ["line 7", "token.lifetim"],
        ["line 8", "token.type"],
    ]


def test_what_is_wrong_by_itself_is_in_no_contradiction() -> None:
    assert told(MINIMAL + "refresh = 'rotate'\ngrants = ['client_credentials']\nauthorize_path = 'off'") == [
        'line 3: refresh: must be "none" or "rotating" or "static"'
    ]
    assert told(MINIMAL + "based_on = 'x'\ngrants = ['client_credentials']") == [
        'line 3: based_on: must be "breeze" or "luca" or "prisjakt" or "standard"'
    ]


def test_no_more_than_a_hundred_things_are_told() -> None:
    lines = told(MINIMAL + "\n".join(f"k{number} = 1" for number in range(5000)))

    assert len(lines) == MOST_MISFITS


def test_a_value_is_never_repeated() -> None:
    secret = "hunter2hunter2"
    keys = [f"{'.'.join(path)} = '{secret}'" for path in KEYS if ANY not in path and path != ("title",)]
    keys = [
        line.replace(secret, f'"{secret}') if line.startswith(("name", "wrong", "expired")) else line for line in keys
    ]
    keys = [line.replace(secret, f"{secret}ø") if "text" in line.partition(" ")[0] else line for line in keys]

    lines = told("\n".join(keys))

    assert len(lines) == len(keys) + 1
    assert secret not in "\n".join(lines)


def test_the_text_is_bounded_as_a_whole_and_by_line() -> None:
    assert told(b"#" * (LARGEST + 1)) == ["line 1: the file: is larger than 64 KiB"]
    assert told("\n" + "a." * 500 + "a = 1") == ["line 2: the file: has a line of more than 1000 bytes; break it"]


def test_what_is_no_toml_is_told_by_line() -> None:
    assert told(b"\n\xff") == ["line 2: the file: is not UTF-8"]
    assert told('\n\nname = "acme\n\n') == [
        "line 3: the file: is not valid TOML: Illegal character '\\\\n' (column 13)"
    ]
    assert told('\nname = "acme')[0].startswith("line 2: the file: is not valid TOML: ")
