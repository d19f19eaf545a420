"""FT28: whatever is wrong with the settings is told before anything starts, all at once, by file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from portvakt.server.settings import SettingsRefused, load
from settings_files import ENVIRON, loaded, told

if TYPE_CHECKING:
    from pathlib import Path


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
    "no title": (ACME + 'title = " "', "portvakt.toml:3: issuers.acme.title: must be 1 to 60 printable characters"),
    "a long title": (ACME + f'title = "{"x" * 61}"', "portvakt.toml:3: issuers.acme.title: must be 1 to 60 printable"),
    "a colour by name": (ACME + 'colour = "red"', "portvakt.toml:3: issuers.acme.colour: must be a colour such as"),
    "a test as text": (ACME + 'test = "yes"', "portvakt.toml:3: issuers.acme.test: must be true or false"),
    "a test beside what is real": (
        ACME + 'test = true\n[issuers.real]\nprovider = "luca"\nurl = "http://127.0.0.1:8040/luca"',
        "portvakt.toml:6: issuers.real.url: is on the host of issuers.acme: one is a test and one is not",
    ),
    "a page in the place of an issuer": (
        ACME + 'url = "https://id.example"\n[issuers.b]\nprovider = "breeze"\nurl = "https://id.example/login"',
        "portvakt.toml:6: issuers.b.url: and issuers.acme both answer at ",
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
    "postgres with an unknown parameter": (
        'database = "postgresql://u@h/n?foo=bar"',
        "portvakt.toml:1: database: has a parameter after ? that PostgreSQL does not know",
    ),
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


@pytest.mark.parametrize("variable", ["PORTVAKT_TOKEN", "PORTVAKT_ISSUER", "PORTVAKT_CLIENT_ID"])
def test_FT28_a_variable_that_our_own_pages_name_is_no_wrong_setting(tmp_path: Path, variable: str) -> None:
    loaded(tmp_path, "", environ={**ENVIRON, variable: "x"})


def test_FT28_a_wrong_argument_is_refused_by_name(tmp_path: Path) -> None:
    assert told(tmp_path, "", port="0") == ["--port: must be a whole number from 1 to 65535"]


# Lines


def test_lines_are_found_past_texts_of_several_lines_and_quoted_keys(tmp_path: Path) -> None:
    text = 'host = """\n::1\nport = 9\n[issuers.a]\n"""\n[ "issuers" . \'a\' ]\nprovider = 1\n"lifetime" = 0\n'

    lines = told(tmp_path, text)

    assert lines[0] == "portvakt.toml:1: host: holds a line break or another control character"
    assert lines[1].startswith("portvakt.toml:7: issuers.a.provider: ")
    assert lines[2].startswith("portvakt.toml:8: issuers.a.lifetime: ")


def test_a_proxy_that_is_no_text_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, "trusted_proxies = [1]") == ["portvakt.toml:1: trusted_proxies: must be a text"]
