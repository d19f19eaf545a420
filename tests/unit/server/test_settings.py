"""Settings that are right, and where they come from."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from portvakt.model.nouns import Algorithm
from portvakt.model.provider import Quota
from portvakt.model.values import Seconds
from portvakt.providers import PROVIDERS
from portvakt.providers.places import WITH_USERS
from portvakt.server.settings import load, remarks
from settings_files import ENVIRON, SECRET, loaded

if TYPE_CHECKING:
    from pathlib import Path


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
    title = "Acme's own"
    colour = "#1d4F7c"
    test = true
    """

    (issuer,) = loaded(tmp_path, text).issuers

    assert (issuer.api_url, issuer.audience) == ("https://api.example", "https://api.example")
    assert (issuer.algorithm, issuer.lifetime) == (Algorithm.ES256, 60)
    assert (issuer.token_quota, issuer.api_quota) == (Quota(5, Seconds(30)), None)
    assert (issuer.title, issuer.colour, issuer.test) == ("Acme's own", "#1d4F7c", True)


@pytest.mark.parametrize(
    "real",
    [
        'provider = "breeze"',  # nobody logs in there
        'provider = "luca"\nurl = "https://elsewhere.example"',
        'provider = "luca"\ntest = true',
    ],
)
def test_a_test_may_stand_beside_what_shares_no_pages_of_people_with_it(tmp_path: Path, real: str) -> None:
    text = f'[issuers.acme]\nprovider = "standard"\ntest = true\n[issuers.real]\n{real}'

    assert len(loaded(tmp_path, text).issuers) == 2


def test_every_place_where_people_log_in_is_known_to_the_settings() -> None:
    from portvakt.server.people import PAGES
    from portvakt.server.shown_tokens import INTROSPECT_PATH, REVOKE_PATH

    assert {*PAGES, REVOKE_PATH, INTROSPECT_PATH} <= set(WITH_USERS)


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


def test_what_is_allowed_and_likely_a_mistake_is_remarked(tmp_path: Path) -> None:
    text = '[issuers.acme]\nprovider = "standard"\nurl = "http://127.0.0.1:8040/acme"'

    assert remarks(loaded(tmp_path, text)) == ()
    (remark,) = remarks(loaded(tmp_path, text, port="9000"))
    assert remark.startswith("issuers.acme is at http://127.0.0.1:8040/acme, but the server listens on port 9000")


def test_a_server_without_issuers_is_remarked(tmp_path: Path) -> None:
    (nothing,) = remarks(loaded(tmp_path, ""))

    assert "nothing is served" in nothing


def test_port_80_needs_no_url(tmp_path: Path) -> None:
    assert loaded(tmp_path, "", port="80").url == "http://127.0.0.1"
