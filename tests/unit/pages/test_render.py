"""Every page: its headers, its fields, and what becomes of hostile texts in it."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import fields, is_dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args

import pytest

from pages_read import Page, page
from pages_shown import SAMPLES, api_keys, connected, consent, log_in
from pages_shown_console import CONSOLE_SAMPLES
from portvakt.pages.console import ConsoleView
from portvakt.pages.locale import LOCALES
from portvakt.pages.render import render
from portvakt.pages.static import CONSOLE_SCRIPT, CONSOLE_STYLESHEET, FILES, STYLESHEET
from portvakt.pages.views import Company, Problem, View

if TYPE_CHECKING:
    from portvakt.pages.locale import Locale

ADDRESSES = {
    "action",
    "other_account_url",
    "back_url",
    "log_in_url",
    "forgot_url",
    "redirect_uri",
    "colour",
    "logo",
    "root",
}
"""Members that are no text to be shown: what may stand in them is tested on its own."""

ADDRESSES |= {"url", "home_url", "log_out_url", "clients_url", "log_url", "search_url", "next_url", "create_url"}
ADDRESSES |= {
    "client_url",
    "change_url",
    "advanced_url",
    "owner_url",
    "csv_url",
    "jsonl_url",
    "act",
    "acts",
    "authentication",
}
ADDRESSES |= {"profile_url", "refusals_url", "others_url", "users_url", "console_url", "account_url"}
ADDRESSES |= {"authentications", "purpose", "state"}  # a choice, of texts that there are
OURS = {"csrf", "transaction", "return_to", "made", "earliest", "id", "client_id", "code_url"}
OURS |= {"client_secret", "secret_id", "curl", "command", "env", "file_name", "link", "user_id", "member_code"}
"""Members that the server made: they are escaped as all are, and come back as they were."""

HIDDEN = "Bank\u202egro.live\u2028\x00\x1b"
HOSTILE = [
    '<script>alert("x")</script>',
    "'\"><img src=x onerror=alert(1)>",
    "{{7*7}}{% raw %}{v.csrf}",
    "--></style></title></textarea><svg/onload=alert(1)>",
    HIDDEN,
    "& &amp; &#60;",
]


def headers(view: View | ConsoleView) -> dict[str, str]:
    reply = render(view, "en")
    assert len(dict(reply.headers)) == len(reply.headers)
    return dict(reply.headers)


def form_action(view: View | ConsoleView) -> str:
    (found,) = re.findall(r"form-action ([^;]*);", headers(view)["content-security-policy"])
    return str(found)


def with_texts(value: Any, hostile: str, keep: set[str] = ADDRESSES) -> Any:
    """Return a view in which every text is a hostile one, but for the members in `keep`."""
    if is_dataclass(value) and not isinstance(value, type):
        changed = {one.name: with_texts(getattr(value, one.name), hostile, keep) for one in fields(value)}
        number = {"number"} if isinstance(value, Company) and keep != ADDRESSES else set()
        return replace(value, **{name: new for name, new in changed.items() if name not in keep | number})
    if isinstance(value, tuple):
        return tuple(with_texts(one, hostile, keep) for one in value)
    return hostile if isinstance(value, str) else value


def test_every_view_has_a_sample_and_every_sample_a_page() -> None:
    assert {type(view) for view in SAMPLES.values()} == {*get_args(View), *get_args(ConsoleView)}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_says_its_language_and_its_title_and_has_one_heading(name: str, locale: Locale) -> None:
    found = page(SAMPLES[name], locale)

    assert found.tags[0] == ("html", {"lang": locale})
    assert [tag for tag, _ in found.tags].count("h1") == 1
    assert [tag for tag, _ in found.tags].count("title") == 1
    assert SAMPLES[name].brand.name in found.text


@pytest.mark.parametrize("name", SAMPLES)
def test_H3_U4_U6_every_page_goes_out_under_headers_that_let_it_do_nothing_else(name: str) -> None:
    sent = headers(SAMPLES[name])

    assert sent["content-type"] == "text/html; charset=utf-8"
    assert sent["cache-control"] == "no-store"
    assert sent["x-frame-options"] == "DENY"
    assert sent["referrer-policy"] == "same-origin"
    assert sent["x-content-type-options"] == "nosniff"
    assert sent["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in sent["permissions-policy"]
    policy = sent["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    scripts = re.findall(r"script-src[^;]*", policy)
    assert scripts == (["script-src 'self'"] if name in CONSOLE_SAMPLES else [])


@pytest.mark.parametrize("name", SAMPLES)
def test_U6_a_page_loads_our_files_and_nothing_else_and_only_administration_runs_one(name: str) -> None:
    reply = render(SAMPLES[name], "nb")
    found = Page(reply)

    loaded = [a["href"] for tag, a in found.tags if tag == "link" and a["rel"] == "stylesheet"]
    others = [a["href"] for tag, a in found.tags if tag == "link" and a["rel"] != "stylesheet"]
    sheets = (STYLESHEET, CONSOLE_STYLESHEET) if name in CONSOLE_SAMPLES else (STYLESHEET,)
    assert loaded == [f"{SAMPLES[name].brand.root}/static/{sheet}" for sheet in sheets]
    assert all(str(address).startswith("data:image/svg+xml,") for address in others)
    scripts = [f"{SAMPLES[name].brand.root}/static/{CONSOLE_SCRIPT}"] if name in CONSOLE_SAMPLES else []
    assert [a.get("src") for tag, a in found.tags if tag == "script"] == scripts
    assert reply.body.count(b"<script") == len(scripts)
    assert {tag for tag, _ in found.tags} & {"iframe", "object", "embed", "base", "img", "svg"} == set()
    assert [a for _, a in found.tags if "style" in a or any(one.startswith("on") for one in a)] == []


def test_U6_the_one_inline_style_is_the_one_whose_hash_the_policy_names() -> None:
    reply = render(log_in(), "nb")
    (style,) = re.findall(rb"<style>(.*?)</style>", reply.body)

    assert f"'sha256-{b64encode(sha256(style).digest()).decode()}'" in dict(reply.headers)["content-security-policy"]
    assert b"--ink:#0f5c4d" in style


def test_the_stylesheet_is_named_by_its_own_hash_and_loads_nothing() -> None:
    media, style = FILES[STYLESHEET]

    assert media == "text/css; charset=utf-8"
    assert sha256(style).hexdigest()[:16] in STYLESHEET
    assert b"url(" not in style
    assert b"@import" not in style


def test_U6_the_script_is_named_by_its_own_hash_loads_nothing_and_writes_no_html() -> None:
    media, script = FILES[CONSOLE_SCRIPT]

    assert media == "text/javascript; charset=utf-8"
    assert sha256(script).hexdigest()[:16] in CONSOLE_SCRIPT
    assert not re.search(rb"import|fetch|eval|innerHTML|document\.write|://", script)


@pytest.mark.parametrize("name", CONSOLE_SAMPLES)
def test_what_can_be_copied_has_a_button_that_only_the_script_shows(name: str) -> None:
    tags = page(SAMPLES[name]).tags

    copied = [one for one in tags if one[0] == "pre" or (one[0] in {"input", "textarea"} and "readonly" in one[1])]
    buttons = [attributes for _, attributes in tags if "data-copied" in attributes]
    assert len(buttons) == len(copied)
    assert all("hidden" in one and one["type"] == "button" for one in buttons)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", SAMPLES)
def test_W1_no_text_changes_what_a_page_is_made_of(name: str, hostile: str) -> None:
    harmless, changed = with_texts(SAMPLES[name], "harmless"), with_texts(SAMPLES[name], hostile)

    for locale in LOCALES:
        reply = render(changed, locale)
        found = Page(reply)

        assert found.shape() == page(harmless, locale).shape()
        assert {a["value"] for tag, a in found.tags if tag == "input" and a.get("name") in OURS} <= {hostile}
        assert "49" not in found.text


@pytest.mark.parametrize("name", SAMPLES)
def test_W2_nothing_that_a_stranger_hid_in_a_name_reaches_a_page(name: str) -> None:
    view = with_texts(SAMPLES[name], HIDDEN, ADDRESSES | OURS)

    for locale in LOCALES:
        assert re.findall("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2028]", render(view, locale).body.decode()) == []


@pytest.mark.parametrize("name", SAMPLES)
def test_W2_a_name_of_ten_kilobytes_makes_no_long_page(name: str) -> None:
    view = with_texts(SAMPLES[name], "W" * 10_240, ADDRESSES | OURS)

    assert len(render(view, "nb").body) < (40_960 if name in CONSOLE_SAMPLES else 10_240)


def test_W2_a_name_with_nothing_to_see_is_said_to_be_none() -> None:
    assert "Vil du gi (uten navn) tilgang?" in page(consent(client_name="\u202e\u3164")).text


@pytest.mark.parametrize("name", ["log_in", "consent_several", "no_access", "answered", "logged_out"])
def test_W1_an_address_that_is_not_of_its_kind_is_a_mistake_of_ours(name: str) -> None:
    view = SAMPLES[name]
    kinds = {
        "action": "https://evil.example/",
        "other_account_url": "//evil.example",
        "back_url": "javascript:alert(1)",
    }
    kinds["log_in_url"] = "javascript:alert(1)"

    for member, address in kinds.items():
        if hasattr(view, member):
            with pytest.raises(ValueError, match="page"):
                render(replace(view, **{member: address}), "nb")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name, view in SAMPLES.items() if isinstance(view, Problem)])
def test_an_error_page_leads_nowhere(name: str) -> None:
    view = with_texts(SAMPLES[name], "https://evil.example/")

    assert [a for tag, a in page(view).tags if tag in {"a", "form", "meta"} and ("href" in a or "action" in a)] == []


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("log_in", 200),
        ("log_in_wrong", 403),
        ("log_in_expired", 403),
        ("log_in_limited", 429),
        ("log_in_busy", 503),
        ("consent_several", 200),
        ("consent_missing", 400),
        ("consent_changed", 403),
        ("no_access", 403),
        ("no_company", 403),
        ("no_company_disabled", 403),
        ("answered", 409),
        ("problem_client", 400),
        ("problem_redirect_uri", 400),
        ("problem_expired", 400),
        ("problem_forbidden", 403),
        ("problem_not_found", 404),
        ("problem_limited", 429),
        ("problem_server", 503),
        ("logged_out", 200),
        ("connected", 200),
        ("api_keys_made", 200),
        ("api_keys_name", 400),
    ],
)
def test_a_page_has_the_status_of_what_happened(name: str, status: int) -> None:
    assert render(SAMPLES[name], "en").status == status


class TestTheLogInForm:
    def test_it_posts_the_two_fields_and_what_binds_it(self) -> None:
        found = page(log_in(email="a@b.example"))

        assert found.fields() == {
            "csrf": "csrf",
            "return_to": "/luca-test/authorize?client_id=x",
            "email": "a@b.example",
            "password": None,
        }
        (form,) = [a for tag, a in found.tags if tag == "form"]
        assert form == {"method": "post", "action": "/luca-test/login"}

    def test_each_field_has_a_label_and_says_to_password_managers_what_it_is(self) -> None:
        found = page(log_in())
        inputs = {a["name"]: a for tag, a in found.tags if tag == "input"}
        labels = {a["for"] for tag, a in found.tags if tag == "label"}

        assert inputs["email"]["autocomplete"] == "username"
        assert inputs["password"]["autocomplete"] == "current-password"
        assert {inputs["email"]["id"], inputs["password"]["id"]} == labels
        assert [a for _, a in found.tags if "placeholder" in a] == []

    @pytest.mark.parametrize(("email", "field"), [("", "email"), ("a@b.example", "password")])
    def test_the_first_field_that_is_empty_has_the_focus(self, email: str, field: str) -> None:
        assert [a["name"] for _, a in page(log_in(email=email)).tags if "autofocus" in a] == [field]


class TestTheConsentForm:
    def test_a_choice_is_a_radio_for_each_company_and_none_is_chosen(self) -> None:
        radios = [a for tag, a in page(consent()).tags if tag == "input" and a["type"] == "radio"]

        assert [(a["name"], a["value"]) for a in radios] == [
            ("organisation", "912345678"),
            ("organisation", "987654321"),
            ("organisation", "923609016"),
        ]
        assert [a for a in radios if "checked" in a] == []

    def test_the_chosen_company_is_marked(self) -> None:
        found = page(consent(chosen="987654321"))

        assert [a["value"] for _, a in found.tags if "checked" in a] == ["987654321"]

    @pytest.mark.parametrize("name", ["consent_one", "consent_forced", "consent_no_company"])
    def test_where_there_is_no_choice_no_company_is_sent(self, name: str) -> None:
        assert page(SAMPLES[name]).fields() == {"transaction": "tx_1", "csrf": "csrf"}

    def test_only_the_forced_company_is_shown(self) -> None:
        found = page(SAMPLES["consent_forced"])

        assert "923\u00a0609\u00a0016" in found.text
        assert "912\u00a0345\u00a0678" not in found.text

    def test_the_decision_is_one_of_two_buttons_after_one_that_enter_finds_and_that_does_nothing(self) -> None:
        first, *others = [a for tag, a in page(consent()).tags if tag == "button"]

        assert first == {"formmethod": "dialog", "hidden": None}
        assert [(a["name"], a["value"]) for a in others] == [("decision", "deny"), ("decision", "allow")]
        assert "formnovalidate" in others[0]

    def test_a_scope_without_words_is_shown_by_its_own_name(self) -> None:
        found = page(consent(scopes=("accounting", "reports:export")))

        assert "Se og bruke regnskapet" in found.text
        assert "reports:export" in found.text


class TestWhereAFormMayEnd:
    @pytest.mark.parametrize(
        ("redirect_uri", "sources"),
        [
            ("https://app.example/callback", "'self' https:"),
            ("http://127.0.0.1:51234/callback", "'self' http://127.0.0.1:*"),
            ("http://[::1]/callback", "'self' http:"),
            ("http://localhost/callback", "'self' http://localhost:*"),
            ("com.example.app:/callback", "'self' com.example.app:"),
        ],
    )
    def test_log_in_and_consent_may_lead_back_to_the_application(self, redirect_uri: str, sources: str) -> None:
        assert form_action(consent(redirect_uri=redirect_uri)) == sources
        assert form_action(replace(log_in(), redirect_uri=redirect_uri)) == sources

    @pytest.mark.parametrize("name", ["connected", "sessions", "api_keys", "log_out", "problem_client"])
    def test_all_others_stay_here(self, name: str) -> None:
        assert form_action(SAMPLES[name]) == "'self'"

    def test_a_log_in_for_no_application_stays_here(self) -> None:
        assert form_action(replace(log_in(), client_name=None, redirect_uri=None)) == "'self'"


class TestTheLists:
    def test_each_line_is_revoked_by_client_and_company(self) -> None:
        hidden = [a for tag, a in page(connected()).tags if tag == "input"]

        assert [(a["name"], a["value"]) for a in hidden if a["name"] != "csrf"] == [
            ("client", "client_bilag"),
            ("organisation", "912345678"),
            ("client", "client_bank"),
            ("organisation", "923609016"),
            ("client", "client_calendar"),
            ("organisation", ""),
        ]

    def test_an_empty_list_says_what_would_stand_there(self) -> None:
        assert "Ingen apper er tilkoblet" in page(connected(())).text

    def test_a_key_is_shown_when_it_was_made_and_never_again(self) -> None:
        assert "eyJhbGciOi" in page(api_keys(made="eyJhbGciOi")).text
        assert "textarea" not in {tag for tag, _ in page(api_keys()).tags}

    def test_a_company_is_chosen_for_a_key_where_there_are_several(self) -> None:
        assert "organisation" in page(api_keys()).fields()
        assert "organisation" not in page(SAMPLES["api_keys_one_company"]).fields()

    def test_a_user_without_a_company_makes_a_key_only_where_none_is_needed(self) -> None:
        without = api_keys(companies=())

        assert "expires" not in page(without).fields()
        assert page(replace(without, needs_company=False)).fields().keys() == {"csrf", "do", "key", "name", "expires"}


def test_the_other_language_is_a_link_to_the_same_page() -> None:
    found = Page(render(log_in(), "nb", other_language="/luca-test/login?locale=en"))

    (link,) = [a for tag, a in found.tags if tag == "a" and "hreflang" in a]
    assert link == {"href": "/luca-test/login?locale=en", "lang": "en", "hreflang": "en"}
    assert "English" in found.text
