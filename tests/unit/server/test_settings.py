"""FT28: whatever is wrong with the settings is told before anything starts, all at once, by file and line."""

from __future__ import annotations

import os
import pickle
import secrets
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from portvakt.model.nouns import Algorithm
from portvakt.model.provider import Quota
from portvakt.model.values import Seconds
from portvakt.providers import PROVIDERS
from portvakt.server.settings import Problem, Settings, SettingsRefused, load, remarks
from portvakt.server.settings_sources import find_lines

if TYPE_CHECKING:
    from pathlib import Path

SECRET = secrets.token_urlsafe(32)
ENVIRON = {"PORTVAKT_SECRET": SECRET}


def written(folder: Path, text: str) -> Path:
    path = folder / "portvakt.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def loaded(folder: Path, text: str, *, environ: dict[str, str] | None = None, **arguments: object) -> Settings:
    return load(arguments, ENVIRON if environ is None else environ, written(folder, text))


def problems(
    folder: Path, text: str, *, environ: dict[str, str] | None = None, **arguments: object
) -> tuple[Problem, ...]:
    with pytest.raises(SettingsRefused) as refused:
        loaded(folder, text, environ=environ, **arguments)
    return refused.value.problems


def told(folder: Path, text: str, *, environ: dict[str, str] | None = None, **arguments: object) -> list[str]:
    name = str(folder) + os.sep
    return [str(problem).replace(name, "") for problem in problems(folder, text, environ=environ, **arguments)]


# What is right


def test_an_empty_file_and_a_secret_are_enough(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")

    assert (settings.host, settings.port, settings.url) == ("127.0.0.1", 8040, "http://127.0.0.1:8040")
    assert settings.database == f"sqlite:///{tmp_path}/portvakt.db"
    assert settings.secret.reveal() == SECRET
    assert settings.issuers == ()
    assert settings.trusted_proxies == ()
    assert settings.log_level == "info"


def test_no_file_at_all_is_fine_where_variables_say_enough() -> None:
    settings = load({}, {**ENVIRON, "PORTVAKT_DATABASE": "postgresql://u@h/n"}, None)

    assert settings.database == "postgresql://u@h/n"


def test_the_installations_own_issuer_follows_from_its_url(tmp_path: Path) -> None:
    own = loaded(tmp_path, 'url = "https://id.example"').own

    assert (own.name, own.url, own.provider.name) == ("portvakt", "https://id.example/portvakt", "standard")
    assert own.audience == "https://id.example/admin/api/v1"


def test_an_issuer_takes_from_its_provider_what_it_does_not_say(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[issuers.acme]\nprovider = "breeze"\nurl = "https://id.example/acme"')

    (issuer,) = settings.issuers
    breeze = PROVIDERS["breeze"]
    assert issuer.api_url == "https://id.example/acme"
    assert issuer.audience == "https://id.example/acme/graphql"
    assert (issuer.algorithm, issuer.lifetime) == (Algorithm.RS256, breeze.lifetime)
    assert (issuer.token_quota, issuer.api_quota) == (breeze.token_quota, breeze.api.quota)
    assert settings.every_issuer == (issuer, settings.own)


def test_an_issuer_may_say_all_of_it(tmp_path: Path) -> None:
    text = """
    [issuers.acme]
    provider = "standard"
    url = "https://id.example/acme"
    api_url = "https://api.example"
    algorithm = "ES256"
    lifetime = 60
    quotas = { token = "5/30s", api = "off" }
    """

    (issuer,) = loaded(tmp_path, text).issuers

    assert (issuer.api_url, issuer.audience) == ("https://api.example", "https://api.example")
    assert (issuer.algorithm, issuer.lifetime) == (Algorithm.ES256, 60)
    assert (issuer.token_quota, issuer.api_quota) == (Quota(5, Seconds(30)), None)


def test_an_issuer_without_url_lies_under_the_installations(tmp_path: Path) -> None:
    (issuer,) = loaded(tmp_path, '[issuers.acme]\nprovider = "standard"', port="9000").issuers

    assert issuer.url == "http://127.0.0.1:9000/acme"


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("1/second", Quota(1, Seconds(1))),
        ("2/minute", Quota(2, Seconds(60))),
        ("100/hour", Quota(100, Seconds(3600))),
        ("1000000000/day", Quota(10**9, Seconds(86_400))),
        ("7/90s", Quota(7, Seconds(90))),
    ],
)
def test_a_quota_is_a_number_in_a_window(tmp_path: Path, text: str, quota: Quota) -> None:
    (issuer,) = loaded(tmp_path, f'[issuers.a]\nprovider = "standard"\nquotas.api = "{text}"').issuers

    assert issuer.api_quota == quota


def test_an_issuer_at_the_root_of_a_host_leaves_room_for_others(tmp_path: Path) -> None:
    text = """
    url = "https://id.example"
    [issuers.root]
    provider = "standard"
    url = "https://id.example"
    [issuers.other]
    provider = "breeze"
    url = "https://id.example/other"
    """

    assert len(loaded(tmp_path, text).issuers) == 2


# Where settings come from


def test_arguments_win_over_variables_over_files_over_the_document_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("3\n")
    document = "port = 4"
    file = {**ENVIRON, "PORTVAKT_PORT_FILE": "port"}
    variable = {**file, "PORTVAKT_PORT": "2"}

    assert loaded(tmp_path, document, environ=variable, port="1").port == 1
    assert loaded(tmp_path, document, environ=variable, port=None).port == 2
    assert loaded(tmp_path, document, environ=file).port == 3
    assert loaded(tmp_path, document).port == 4
    assert loaded(tmp_path, "").port == 8040


def test_relative_paths_are_relative_to_the_folder_of_the_document(tmp_path: Path) -> None:
    secret = tmp_path / "the.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)

    settings = loaded(tmp_path, 'secret_file = "the.secret"\ndatabase = "sqlite:///data/a b.db"', environ={})

    assert settings.secret.reveal() == SECRET
    assert settings.database == f"sqlite:///{tmp_path}/data/a%20b.db"


def test_an_absolute_path_stays_what_it_is(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'database = "sqlite:////var/lib/x.db"').database == "sqlite:////var/lib/x.db"


def test_lists_are_lists_in_the_document_and_words_between_commas_elsewhere(tmp_path: Path) -> None:
    expected = (ip_network("10.0.0.0/8"), ip_network("::1"))

    assert loaded(tmp_path, 'trusted_proxies = ["10.0.0.0/8", "::1"]').trusted_proxies == expected
    environ = {**ENVIRON, "PORTVAKT_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}
    assert loaded(tmp_path, "", environ=environ).trusted_proxies == expected
    assert loaded(tmp_path, "", environ={**ENVIRON, "PORTVAKT_TRUSTED_PROXIES": ""}).trusted_proxies == ()


def test_variables_of_tests_clients_and_kubernetes_are_not_ours_to_judge(tmp_path: Path) -> None:
    foreign = ("TEST_POSTGRES_URL", "REQUIRE_SERVICES", "CLIENT_SECRET", "SERVICE_HOST", "PORT_8040_TCP_ADDR")

    loaded(tmp_path, "", environ={**ENVIRON, **{"PORTVAKT_" + name: "x" for name in foreign}})


@pytest.mark.parametrize("host", ["::1", "localhost", "127.0.0.2"])
def test_a_listener_on_loopback_needs_no_url(tmp_path: Path, host: str) -> None:
    assert loaded(tmp_path, f'host = "{host}"').url.startswith("http://")


# What is wrong: one line each, and what it must say

ACME = '[issuers.acme]\nprovider = "standard"\n'

WRONG = {
    "bad TOML": ("port = \n", "portvakt.toml:1: is not valid TOML: Invalid value (column 8)"),
    "a table twice": ("[issuers.a]\n[issuers.a]", "portvakt.toml:2: is not valid TOML: Cannot declare twice (column"),
    "an unclosed text": ('host = "x', "portvakt.toml: is not valid TOML: Unterminated string (at the end"),
    "too deep": ("a = " + "[" * 5000, "portvakt.toml: is not TOML that can be read: nested too deeply"),
    "a number too long": ("a = " + "1" * 5000, "portvakt.toml: is not TOML that can be read"),
    "unknown key": ("\nprot = 1", "portvakt.toml:2: prot: unknown key; did you mean port?"),
    "unknown key, nothing near": ("zzz = 1", "portvakt.toml:1: zzz: unknown key; known: "),
    "a key with control characters": ('"a\\nb" = 1', "portvakt.toml:1: a\\nb: unknown key"),
    "unknown key of an issuer": (
        ACME + 'provder = "x"',
        "portvakt.toml:3: issuers.acme.provder: unknown key; did you mean provider?",
    ),
    "unknown key of quotas": (
        ACME + 'quotas = { tokn = "off" }',
        "portvakt.toml:3: issuers.acme.quotas.tokn: unknown key; did you mean token?",
    ),
    "port as text": ('port = "80"', "portvakt.toml:1: port: must be a whole number from 1 to 65535"),
    "port as bool": ("port = true", "portvakt.toml:1: port: must be a whole number"),
    "port too high": ("port = 65536", "portvakt.toml:1: port: must be a whole number"),
    "host as number": ("host = 1", "portvakt.toml:1: host: must be a text"),
    "host empty": ('host = ""', "portvakt.toml:1: host: is empty"),
    "host with port": ('host = "a:1"', "portvakt.toml:1: host: must be an IP address or a host's name"),
    "host like an address": ('host = "1.2.3"', "portvakt.toml:1: host: must be an IP address"),
    "a line break in a text": ('host = "a\\nb"', "portvakt.toml:1: host: holds a line break or another control"),
    "log level": ('log_level = "loud"', "portvakt.toml:1: log_level: must be one of debug, info, warning, error"),
    "proxies as text": ('trusted_proxies = "::1"', "portvakt.toml:1: trusted_proxies: must be a list"),
    "proxies no network": ('trusted_proxies = ["x"]', "portvakt.toml:1: trusted_proxies: holds what is no address"),
    "everybody as proxy": ('trusted_proxies = ["::/0"]', "portvakt.toml:1: trusted_proxies: holds a network of all"),
    "the secret itself": ('secret = "x"', "portvakt.toml:1: secret: does not belong in this file"),
    "a setting and its file": (
        'host_file = "/dev/null"\nhost = "::1"',
        "portvakt.toml:2: host: stands beside host_file; keep one of them",
    ),
    "a file that is not there": ('host_file = "no"', "portvakt.toml:1: host_file: the file that it names cannot be"),
    "a file that is a folder": ('host_file = "."', "portvakt.toml:1: host_file: what it names is not a file"),
    "url over http": ('url = "http://id.example"', "portvakt.toml:1: url: is plain http"),
    "url with a path": ('url = "https://id.example/x"', "portvakt.toml:1: url: has a path"),
    "beyond loopback without url": ('host = "0.0.0.0"', "url: is missing; the server listens beyond loopback"),
    "another database": ('database = "mysql://h/n"', "portvakt.toml:1: database: must be sqlite:///FILE"),
    "postgres": ('database = "postgres://h/n"', "portvakt.toml:1: database: must be sqlite:///FILE or"),
    "postgres in memory": ('database = "postgresql://h"', "portvakt.toml:1: database: must be postgresql://USER"),
    "postgres with a bad port": ('database = "postgresql://h:x/n"', "portvakt.toml:1: database: must be postgresql"),
    "sqlite in memory": ('database = "sqlite://"', "portvakt.toml:1: database: must be sqlite:///FILE"),
    "sqlite with parameters": ('database = "sqlite:///a?b"', "portvakt.toml:1: database: must be sqlite:///FILE"),
    "sqlite with a NUL": ('database = "sqlite:///a%00"', "portvakt.toml:1: database: names a file with control"),
    "issuers no tables": ("issuers = 1", "portvakt.toml:1: issuers: must be tables: [issuers.NAME]"),
    "an issuer no table": ("[issuers]\nacme = 1", "portvakt.toml:2: issuers.acme: must be a table"),
    "an issuer's name": ('[issuers.Acme]\nprovider = "standard"', "portvakt.toml:1: issuers.Acme: an issuer's name"),
    "the own issuer": ("[issuers.portvakt]", "portvakt.toml:1: issuers.portvakt: is the installation's own issuer"),
    "no provider": ("[issuers.acme]", "portvakt.toml:1: issuers.acme: provider is missing; one of breeze, luca"),
    "another provider": (
        '[issuers.acme]\nprovider = "breze"',
        "portvakt.toml:2: issuers.acme.provider: no such provider; did you mean breeze?",
    ),
    "an issuer over http": (ACME + 'url = "http://id.example"', "portvakt.toml:3: issuers.acme.url: is plain http"),
    "an issuer's url with query": (ACME + 'url = "https://a.example/?x"', "portvakt.toml:3: issuers.acme.url: "),
    "an api over http": (ACME + 'api_url = "http://a.example"', "portvakt.toml:3: issuers.acme.api_url: is plain"),
    "prisjakt without api_url": (
        '[issuers.p]\nprovider = "prisjakt"',
        "portvakt.toml:1: issuers.p: api_url is missing; Prisjakt's API has a host of its own",
    ),
    "an algorithm that nobody has": (ACME + 'algorithm = "HS256"', "portvakt.toml:3: issuers.acme.algorithm: "),
    "an algorithm that the provider lacks": (
        '[issuers.b]\nprovider = "breeze"\nalgorithm = "ES256"',
        "portvakt.toml:3: issuers.b.algorithm: Breeze signs with RS256",
    ),
    "an algorithm for nobody": ('[issuers.b]\nalgorithm = "x"', "portvakt.toml:2: issuers.b.algorithm: must be RS256"),
    "lifetime 0": (ACME + "lifetime = 0", "portvakt.toml:3: issuers.acme.lifetime: must be a whole number from 1 to"),
    "lifetime over a day": (ACME + "lifetime = 86401", "portvakt.toml:3: issuers.acme.lifetime: must be"),
    "lifetime as float": (ACME + "lifetime = 1.5", "portvakt.toml:3: issuers.acme.lifetime: must be"),
    "quotas no table": (ACME + "quotas = 1", "portvakt.toml:3: issuers.acme.quotas: must be a table"),
    "quota as number": (ACME + "quotas.token = 1", 'portvakt.toml:3: issuers.acme.quotas.token: must be "100/hour"'),
    "quota of none": (ACME + 'quotas.token = "0/hour"', "portvakt.toml:3: issuers.acme.quotas.token: must be"),
    "quota too large": (ACME + 'quotas.api = "1000000001/day"', "portvakt.toml:3: issuers.acme.quotas.api: must be"),
    "quota by month": (ACME + 'quotas.api = "1/month"', "portvakt.toml:3: issuers.acme.quotas.api: must be"),
    "an issuer at /admin": (
        ACME + 'url = "https://a.example/admin"',
        "portvakt.toml:3: issuers.acme.url: claims /admin, which belongs to the installation",
    ),
    "an issuer under /readyz": (ACME + 'url = "https://a.example/readyz/x"', "issuers.acme.url: claims /readyz"),
    "an issuer under .well-known": (
        ACME + 'url = "https://a.example/.well-known/x"',
        "issuers.acme.url: claims a path",
    ),
    "two issuers with one url": (
        ACME + 'url = "https://a.example/x"\n[issuers.b]\nprovider = "breeze"\nurl = "https://a.example/x"',
        "portvakt.toml:6: issuers.b.url: is the place of issuers.acme",
    ),
    "two issuers told apart by port only": (
        ACME + 'url = "https://a.example/x"\n[issuers.b]\nprovider = "breeze"\nurl = "https://a.example:444/x"',
        "portvakt.toml:6: issuers.b.url: is the place of issuers.acme",
    ),
    "an issuer in the own issuer's place": (
        ACME + 'url = "http://localhost:1/portvakt"',
        "portvakt.toml:3: issuers.acme.url: is the place of issuers.portvakt",
    ),
    "an issuer at another's endpoint": (
        ACME + 'url = "https://a.example"\n[issuers.b]\nprovider = "breeze"\nurl = "https://a.example/token"',
        "portvakt.toml:6: issuers.b.url: and issuers.acme both answer at /token",
    ),
    "an issuer above another's endpoint": (
        ACME + 'url = "https://a.example/oauth"\n[issuers.b]\nprovider = "breeze"\nurl = "https://a.example"',
        "portvakt.toml:6: issuers.b.url: and issuers.acme both answer at /oauth/token",
    ),
}


@pytest.mark.parametrize(("text", "line"), WRONG.values(), ids=WRONG.keys())
def test_FT28_a_wrong_document_is_refused_by_file_and_line(tmp_path: Path, text: str, line: str) -> None:
    lines = told(tmp_path, text)

    assert any(line in each for each in lines), lines


def test_FT28_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = 'prot = 1\nlog_level = "x"\n[issuers.a]\nprovder = "x"\n[issuers.b]\nprovider = "luca"\nlifetime = 0\n'

    lines = told(tmp_path, text, environ={"PORTVAKT_HOST": "", "PORTVAKT_DATABSE": "x"}, port="x")

    assert [line.partition(": ")[0] for line in lines] == [
        "portvakt.toml:1",
        "PORTVAKT_DATABSE",
        "PORTVAKT_HOST",
        "--port",
        "PORTVAKT_SECRET_FILE",
        "portvakt.toml:2",
        "portvakt.toml:4",
        "portvakt.toml:3",
        "portvakt.toml:7",
    ]


def test_FT28_a_document_that_is_not_there_names_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="does not exist; `portvakt init` makes one"):
        load({}, ENVIRON, tmp_path / "portvakt.toml")


def test_FT28_a_document_that_is_not_utf_8_is_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "portvakt.toml"
    path.write_bytes(b"port = 1\nhost = '\xff'\n")

    with pytest.raises(SettingsRefused, match=r"portvakt\.toml:2: is not UTF-8"):
        load({}, ENVIRON, path)


def test_FT28_a_document_that_is_a_folder_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="cannot be read: Is a directory"):
        load({}, ENVIRON, tmp_path)
    with pytest.raises(SettingsRefused, match="larger than 1 MiB"):
        loaded(tmp_path, "#" * (1024 * 1024 + 1))


VARIABLES = {
    "PORTVAKT_PORT": ("x", "must be a whole number from 1 to 65535"),
    "PORTVAKT_HOST": ("a\nb", "holds a line break or another control character"),
    "PORTVAKT_URL": ("http://id.example", "is plain http"),
    "PORTVAKT_LOG_LEVEL": ("loud", "must be one of"),
    "PORTVAKT_TRUSTED_PROXIES": ("0.0.0.0/0", "holds a network of all addresses"),
    "PORTVAKT_DATABASE": ("redis://x", "must be sqlite:///FILE"),
    "PORTVAKT_DATABASE_FILE": ("absent", "the file that it names cannot be read: No such file or directory"),
    "PORTVAKT_SECRET_FILE": ("a\0b", "holds a line break"),
    "PORTVAKT_SECRTE": ("x", "unknown variable; did you mean PORTVAKT_SECRET?"),
    "PORTVAKT_\x01": ("x", "unknown variable"),
}


@pytest.mark.parametrize(("variable", "value", "text"), [(name, *rest) for name, rest in VARIABLES.items()])
def test_FT28_a_wrong_variable_is_refused_by_name(tmp_path: Path, variable: str, value: str, text: str) -> None:
    environ = {variable: value} if variable.endswith("SECRET_FILE") else {**ENVIRON, variable: value}

    (line,) = told(tmp_path, "", environ=environ)

    assert line.startswith(ascii(variable)[1:-1] + ": ")
    assert text in line


def test_FT28_a_variable_that_kubernetes_made_up_is_recognised(tmp_path: Path) -> None:
    (line,) = told(tmp_path, "", environ={**ENVIRON, "PORTVAKT_PORT": "tcp://10.0.0.1:80"})

    assert "enableServiceLinks: false" in line


def test_FT28_a_wrong_argument_is_refused_by_name(tmp_path: Path) -> None:
    assert told(tmp_path, "", port="0") == ["--port: must be a whole number from 1 to 65535"]


# Secrets

WEAK = {
    "empty": ("", "is empty"),
    "short": ("abcDEF123", "is too short"),
    "just too short": (SECRET[:42], "is too short"),
    "one character": ("a" * 64, "is not random enough"),
    "repeated": ("Zx9-qLw3RtY7_kPm" * 4, "is not random enough"),
    "a run": ("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMN", "is not random enough"),
    "few characters": ("aX5Xa5a5XaX5a5XaXa5X5aXa5XaX5Xa5aX5aXaX5Xa5a5", "is not random enough"),
    "changeme": ("changeme-" + SECRET, "is a placeholder"),
    "CHANGE_ME": ("CHANGE_ME", "is a placeholder"),
    "an example": ("example" + SECRET, "is a placeholder"),
    "spaces": (SECRET + " " + SECRET, "must be ASCII without spaces"),
    "not ASCII": ("ø" + SECRET, "must be ASCII without spaces"),
    "a line break": (SECRET + "\n", "holds a line break"),
}


@pytest.mark.parametrize(("value", "text"), WEAK.values(), ids=WEAK.keys())
def test_FT28_a_weak_or_default_secret_is_refused_and_never_repeated(tmp_path: Path, value: str, text: str) -> None:
    (line,) = told(tmp_path, "", environ={"PORTVAKT_SECRET": value})

    assert line.startswith("PORTVAKT_SECRET: ")
    assert text in line
    assert len(value) < 9 or value.strip() not in line


@pytest.mark.parametrize("make", [secrets.token_urlsafe, secrets.token_hex])
def test_a_random_secret_is_taken(tmp_path: Path, make: object) -> None:
    assert callable(make)
    for _ in range(500):
        loaded(tmp_path, "", environ={"PORTVAKT_SECRET": make(32)})


def test_FT28_a_missing_secret_names_where_it_may_stand(tmp_path: Path) -> None:
    (line,) = told(tmp_path, "", environ={})

    assert line == (
        "PORTVAKT_SECRET_FILE: the installation's secret is missing; "
        "set this or secret_file in portvakt.toml to its file"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_K6_a_secret_file_that_others_can_read_is_refused_with_what_to_run(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "the.secret"
    file.write_text(SECRET)
    file.chmod(mode)

    lines = told(tmp_path, 'secret_file = "the.secret"', environ={})

    assert lines == ["portvakt.toml:1: secret_file: others can read the file that it names; run: chmod 600 the.secret"]


@pytest.mark.parametrize("content", [b"\xff" * 50, b"x" * 20_000])
def test_FT28_a_secret_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "the.secret"
    file.write_bytes(content)
    file.chmod(0o600)

    (line,) = told(tmp_path, "", environ={"PORTVAKT_SECRET_FILE": str(file)})

    assert line.startswith("PORTVAKT_SECRET_FILE: the file that it names is ")


def test_FT28_a_password_in_a_document_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'database = "postgresql://u:hunter2@h/n"')
    path.chmod(0o644)

    with pytest.raises(SettingsRefused) as refused:
        load({}, ENVIRON, path)

    assert f"run: chmod 600 {path}" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    path.chmod(0o600)
    assert load({}, ENVIRON, path).shown_database == "postgresql://u:***@h/n"


def test_K2_settings_show_neither_the_secret_nor_the_databases_password(tmp_path: Path) -> None:
    settings = loaded(tmp_path, 'database = "postgresql://u:hunter2@h:1/n?password=hunter2"')

    for shown in (repr(settings), str(settings), f"{settings}", settings.shown_database):
        assert SECRET not in shown
        assert "hunter2" not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(settings)


CANARY = "canary-" + secrets.token_hex(8)


@pytest.mark.parametrize(
    "text",
    [
        f'port = "{CANARY}"',
        f'host = "{CANARY}\\n"',
        f'url = "{CANARY}"',
        f'database = "{CANARY}"',
        f'database = "postgresql://u:{CANARY}@h"',
        f'secret = "{CANARY}"',
        f'secret_file = "{CANARY}"',
        f'trusted_proxies = ["{CANARY}"]',
        f'issuers = "{CANARY}"',
        f'[issuers.a]\nprovider = "{CANARY}"\nurl = "{CANARY}"\nalgorithm = "{CANARY}"\nlifetime = "{CANARY}"',
        f'[issuers.a]\nprovider = "breeze"\nquotas = "{CANARY}"',
        f'host = "{CANARY}',
        f"host = {CANARY}",
    ],
    ids=lambda text: text.replace(CANARY, "canary"),
)
def test_FT28_no_message_repeats_a_value(tmp_path: Path, text: str) -> None:
    lines = told(tmp_path, text, environ={"PORTVAKT_SECRET": CANARY, "PORTVAKT_LOG_LEVEL": CANARY})

    assert CANARY not in "\n".join(lines)


# Lines


def test_lines_are_found_past_texts_of_several_lines_and_quoted_keys(tmp_path: Path) -> None:
    text = 'host = """\n::1\nport = 9\n[issuers.a]\n"""\n[ "issuers" . \'a\' ]\nprovider = 1\n"lifetime" = 0\n'

    lines = told(tmp_path, text)

    assert lines[0] == "portvakt.toml:1: host: holds a line break or another control character"
    assert lines[1].startswith("portvakt.toml:7: issuers.a.provider: ")
    assert lines[2].startswith("portvakt.toml:8: issuers.a.lifetime: ")


def test_what_is_allowed_and_likely_a_mistake_is_remarked(tmp_path: Path) -> None:
    text = ACME + 'url = "http://127.0.0.1:8040/acme"'

    assert remarks(loaded(tmp_path, text)) == ()
    (remark,) = remarks(loaded(tmp_path, text, port="9000"))
    assert remark.startswith("issuers.acme is at http://127.0.0.1:8040/acme, but the server listens on port 9000")


def test_what_looks_like_a_key_and_is_none_does_no_harm() -> None:
    assert find_lines('"\\q" = 1\n"\\u0061" = 2') == {('"\\q"',): 1, ("a",): 2}


def test_a_proxy_that_is_no_text_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, "trusted_proxies = [1]") == ["portvakt.toml:1: trusted_proxies: must be a text"]
