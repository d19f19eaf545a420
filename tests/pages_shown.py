"""A sample of every page, in every state that looks different: what the tests of pages render, look at and walk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pages_shown_console import CONSOLE_SAMPLES
from portvakt.model.values import ApiKeyId, ClientId, Instant, OrganisationNumber, SessionId
from portvakt.pages.front import Front, Played
from portvakt.pages.views import (
    AlreadyAnswered,
    ApiKey,
    ApiKeyProblem,
    ApiKeys,
    Brand,
    ChoosePassword,
    Company,
    Connected,
    Connection,
    Consent,
    ConsentProblem,
    Fault,
    ForgotPassword,
    Home,
    LinkEnded,
    LoggedOut,
    LogIn,
    LogInProblem,
    LogOut,
    NoAccess,
    NoCompany,
    PasswordChosen,
    PasswordProblem,
    Problem,
    Session,
    Sessions,
)

if TYPE_CHECKING:
    from portvakt.pages.console import ConsoleView
    from portvakt.pages.views import View

NOW = Instant(1795375740)  # 2026-11-22T19:29:00Z
BRAND = Brand(name="Luca Regnskap", root="/luca-test", colour="#0f5c4d", test=True)
LIVE = Brand(name="Luca Regnskap", root="/luca", colour="#0f5c4d")
EMAIL = "kari.nordmann@fjordogfjell.example"
MEMBER_CODE = "user_k3v9x2m7q1w8e5r4t6y0.1795564800.Zm9ybGFnZXRzIGtvZGUgXx"
CALLBACK = "https://app.bilag.example/oauth/callback"
BACK = CALLBACK + "?error=access_denied&state=abc&iss=https%3A%2F%2Fid.example"
OTHER = "/luca-test/login?return_to=%2Fluca-test%2Fauthorize"
LONG = "Nordmøre og Romsdal Kraftforedling, Industrivedlikehold og Eiendomsforvaltning Holding AS"

FJORD = Company(number=OrganisationNumber("912345678"), name="Fjord & Fjell AS")
COMPANIES = (
    FJORD,
    Company(number=OrganisationNumber("987654321"), name="Bakeriet på hjørnet ENK"),
    Company(number=OrganisationNumber("923609016"), name=LONG),
)


def log_in(problem: LogInProblem | None = None, email: str = "", *, brand: Brand = BRAND) -> LogIn:
    return LogIn(
        brand=brand,
        action="/luca-test/login",
        csrf="csrf",
        return_to="/luca-test/authorize?client_id=x",
        email=email,
        problem=problem,
        client_name="Bilagsroboten",
        redirect_uri=CALLBACK,
    )


def consent(
    *,
    companies: tuple[Company, ...] = COMPANIES,
    forced: Company | None = None,
    chosen: str | None = None,
    problem: ConsentProblem | None = None,
    client_name: str = "Bilagsroboten",
    scopes: tuple[str, ...] = ("accounting",),
    redirect_uri: str = CALLBACK,
) -> Consent:
    return Consent(
        brand=BRAND,
        action="/luca-test/consent",
        csrf="csrf",
        transaction="tx_1",
        client_name=client_name,
        client_owner="post@bilag.example",
        redirect_uri=redirect_uri,
        email=EMAIL,
        other_account_url=OTHER,
        scopes=scopes,
        companies=companies,
        forced=forced,
        chosen=OrganisationNumber(chosen) if chosen else None,
        problem=problem,
    )


def choose_password(problem: PasswordProblem | None = None) -> ChoosePassword:
    return ChoosePassword(
        brand=BRAND,
        action="/luca-test/password",
        csrf="csrf",
        email=EMAIL,
        shortest=8,
        longest=256,
        problem=problem,
    )


def problem(fault: Fault, detail: str = "") -> Problem:
    return Problem(brand=BRAND, fault=fault, detail=detail, reference="7KQ2-M9XA")


CONNECTIONS = (
    Connection(
        client_id=ClientId("client_bilag"),
        client_name="Bilagsroboten",
        company=FJORD,
        scopes=("accounting",),
        since=Instant(NOW - 90 * 86400),
        last_renewed=NOW,
    ),
    Connection(
        client_id=ClientId("client_bank"),
        client_name="Likviditetsvarsleren for små og mellomstore bedrifter i Norden",
        company=COMPANIES[2],
        scopes=("read", "write", "reports:export"),
        since=Instant(NOW - 400 * 86400),
    ),
    Connection(
        client_id=ClientId("client_calendar"),
        client_name="Frister",
        company=None,
        scopes=(),
        since=Instant(NOW - 3 * 86400),
        last_renewed=Instant(NOW - 86400),
    ),
)

KEYS = (
    ApiKey(
        id=ApiKeyId("key_1"), name="Nattlig eksport", company=FJORD, created=Instant(NOW - 200 * 86400), last_used=NOW
    ),
    ApiKey(
        id=ApiKeyId("key_2"),
        name="",
        company=COMPANIES[2],
        created=Instant(NOW - 2 * 86400),
        expires=Instant(NOW + 363 * 86400),
    ),
)


SESSIONS = (
    Session(id=SessionId("ses_1"), since=Instant(NOW - 1800), until=Instant(NOW + 41_400), here=True),
    Session(id=SessionId("ses_2"), since=Instant(NOW - 600), until=Instant(NOW + 42_600)),
    Session(id=SessionId("ses_3"), since=Instant(NOW - 36_000), until=Instant(NOW + 7_200)),
)


def sessions(lines: tuple[Session, ...] = SESSIONS) -> Sessions:
    return Sessions(brand=BRAND, email=EMAIL, action="/luca-test/sessions", csrf="csrf", sessions=lines, api_keys=True)


def connected(connections: tuple[Connection, ...] = CONNECTIONS, ended: str | None = None) -> Connected:
    return Connected(
        brand=BRAND,
        email=EMAIL,
        action="/luca-test/connected",
        csrf="csrf",
        connections=connections,
        ended=ended,
        api_keys=True,
    )


def api_keys(
    *,
    companies: tuple[Company, ...] = COMPANIES,
    keys: tuple[ApiKey, ...] = KEYS,
    made: str | None = None,
    revoked: bool = False,
    problem: ApiKeyProblem | None = None,
    name: str = "",
) -> ApiKeys:
    return ApiKeys(
        brand=BRAND,
        email=EMAIL,
        action="/luca-test/keys",
        csrf="csrf",
        companies=companies,
        earliest="2026-11-23",
        keys=keys,
        made=made,
        revoked=revoked,
        problem=problem,
        name=name,
    )


SAMPLES: dict[str, View | ConsoleView] = {
    **CONSOLE_SAMPLES,
    "log_in": log_in(),
    "log_in_live": log_in(brand=LIVE),
    "log_in_mistake": replace(log_in(), mistake="scope is missing."),
    **{f"log_in_{one.value}": log_in(one, EMAIL) for one in LogInProblem},
    "consent_several": consent(),
    "consent_chosen": consent(chosen="987654321"),
    "consent_missing": consent(problem=ConsentProblem.MISSING),
    "consent_changed": consent(companies=(FJORD,), problem=ConsentProblem.CHANGED),
    "consent_one": consent(companies=(FJORD,)),
    "consent_forced": consent(forced=COMPANIES[2], client_name=LONG, scopes=("read", "write", "reports:export")),
    "consent_unbroken": consent(
        client_name="W" * 120, forced=Company(number=FJORD.number, name="X" * 200), scopes=("y" * 200,)
    ),
    "consent_no_company": consent(companies=(), scopes=(), redirect_uri="http://127.0.0.1:51234/callback"),
    "no_access": NoAccess(
        brand=BRAND,
        client_name="Bilagsroboten",
        number="987654321",
        email=EMAIL,
        other_account_url=OTHER,
        back_url=BACK,
    ),
    "no_company": NoCompany(
        brand=BRAND, client_name="Bilagsroboten", email=EMAIL, other_account_url=OTHER, back_url=BACK
    ),
    "no_company_disabled": NoCompany(
        brand=BRAND, client_name="Bilagsroboten", email=EMAIL, other_account_url=OTHER, back_url=BACK, disabled=True
    ),
    "answered": AlreadyAnswered(brand=BRAND, client_name="Bilagsroboten", back_url=CALLBACK),
    "answered_no_way_back": AlreadyAnswered(brand=BRAND, client_name="Bilagsroboten"),
    **{f"problem_{one.key}": problem(one) for one in Fault},
    "problem_detail": problem(Fault.REDIRECT_URI, "redirect_uri is none of those that the client registered."),
    "log_out": LogOut(brand=BRAND, action="/luca-test/logout", csrf="csrf", email=EMAIL),
    "logged_out": LoggedOut(brand=BRAND, log_in_url="/luca-test/login"),
    "forgot": ForgotPassword(
        brand=BRAND, action="/luca-test/forgot-password", csrf="csrf", log_in_url="/luca-test/login"
    ),
    "forgot_sent": ForgotPassword(
        brand=BRAND, action="/luca-test/forgot-password", csrf="csrf", log_in_url="/luca-test/login", sent=True
    ),
    "choose_password": choose_password(),
    **{f"choose_password_{one.value}": choose_password(one) for one in PasswordProblem},
    "link_ended": LinkEnded(brand=BRAND, forgot_url="/luca-test/forgot-password"),
    "front": Front(brand=replace(LIVE, root="/portvakt"), console_url="/admin"),
    "front_sandbox": Front(
        brand=BRAND,
        console_url="/admin",
        played=(
            Played(name="breeze-test", url="http://127.0.0.1:8040/breeze-test", account_url=""),
            Played(name="luca-test", url="http://127.0.0.1:8040/luca-test", account_url="/luca-test/account"),
        ),
    ),
    "password_chosen": PasswordChosen(brand=BRAND, log_in_url="/luca-test/login"),
    "home": Home(brand=BRAND, email=EMAIL, member_code=MEMBER_CODE, api_keys=True),
    "home_developer": Home(brand=BRAND, email=EMAIL, member_code=MEMBER_CODE, api_keys=True, applications=True),
    "home_no_keys": Home(brand=LIVE, email=EMAIL, member_code=MEMBER_CODE),
    "connected": connected(),
    "connected_ended": connected(CONNECTIONS[:1], "Frister"),
    "connected_none": connected(()),
    "sessions": sessions(),
    "sessions_alone": sessions(SESSIONS[:1]),
    "api_keys": api_keys(),
    "api_keys_made": api_keys(made="eyJhbGciOiJSUzI1NiJ9." + "QWJj" * 120 + "." + "xY_z" * 80),
    "api_keys_one_company": api_keys(companies=(FJORD,), keys=(), revoked=True),
    "api_keys_no_company": api_keys(companies=(), keys=()),
    **{f"api_keys_{one.value}": api_keys(problem=one, name="Nattlig eksport") for one in ApiKeyProblem},
}
