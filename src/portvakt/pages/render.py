"""A view becomes a reply: its template, in its language, under headers that let the page load and do nothing else."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from portvakt.model.message import Reply
from portvakt.pages import console
from portvakt.pages.colour import shades
from portvakt.pages.front import Front
from portvakt.pages.locale import LOCALES, choose_locale, date, date_and_time, iso
from portvakt.pages.shown import application_url, grouped, host_of, is_on_this_device, own_path, shown
from portvakt.pages.static import CONSOLE_SCRIPT, CONSOLE_STYLESHEET, STYLESHEET
from portvakt.pages.texts import SCOPES, text
from portvakt.pages.views import (
    AlreadyAnswered,
    ApiKeys,
    ChoosePassword,
    Connected,
    Consent,
    ConsentProblem,
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
    Sessions,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.pages.console import ConsoleView
    from portvakt.pages.locale import Locale
    from portvakt.pages.views import Brand, View

__all__ = ["choose_locale", "render"]

_TEMPLATES: dict[type[View | ConsoleView], str] = {
    LogIn: "log_in.html",
    Consent: "consent.html",
    NoAccess: "no_access.html",
    NoCompany: "no_company.html",
    AlreadyAnswered: "answered.html",
    Problem: "problem.html",
    LogOut: "log_out.html",
    LoggedOut: "logged_out.html",
    Home: "home.html",
    Connected: "connected.html",
    ApiKeys: "api_keys.html",
    Sessions: "sessions.html",
    ForgotPassword: "forgot_password.html",
    ChoosePassword: "choose_password.html",
    LinkEnded: "link_ended.html",
    PasswordChosen: "password_chosen.html",
    console.Environments: "console_environments.html",
    console.Settings: "console_settings.html",
    console.Users: "console_users.html",
    console.Profile: "console_profile.html",
    console.LinkShown: "console_link.html",
    console.Organisations: "console_organisations.html",
    console.OrganisationPage: "console_organisation.html",
    console.ClientList: "console_clients.html",
    console.ClientForm: "console_form.html",
    console.SecretShown: "console_secret.html",
    console.ClientPage: "console_client.html",
    console.Refusals: "console_refusals.html",
    console.Explained: "console_explained.html",
    console.Keys: "console_keys.html",
    console.Outbox: "console_outbox.html",
    console.LogPage: "console_log.html",
    console.Stopped: "console_stopped.html",
    Front: "front.html",
}

_LOG_IN_STATUS = {
    LogInProblem.WRONG: 403,  # RFC 9110 §15.5.4; 401 would have to name a scheme
    LogInProblem.EXPIRED: 403,
    LogInProblem.LIMITED: 429,
    LogInProblem.BUSY: 503,
}

_PASSWORD_STATUS = {PasswordProblem.LENGTH: 400, PasswordProblem.BUSY: 503}

_CONSENT_STATUS = {ConsentProblem.MISSING: 400, ConsentProblem.CHANGED: 403}

_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-frame-options", "DENY"),  # RFC 9700 §4.16, for browsers without `frame-ancestors`
    # RFC 9700 §4.2.4: no other site learns the address. Not `no-referrer`: a browser would then say `Origin: null` of
    # our own forms too (Fetch §3.2), which is what an attacker's page looks like.
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)

_ENVIRONMENT = Environment(
    loader=PackageLoader("portvakt.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
    cache_size=-1,
)
_ENVIRONMENT.filters |= {
    "number": grouped,
    "host": host_of,
    "own": own_path,
    "application": application_url,
    "iso": iso,
    "plain": shown,
}
_ENVIRONMENT.tests["here"] = is_on_this_device


def render(view: View | ConsoleView, locale: Locale, *, other_language: str | None = None) -> Reply:
    """Return the page. `other_language`: the path at which it stands in the other language, None for no such link.

    The status is the view's own: 200, or what its problem means. Whoever serves it may add cookies and `retry-after`.

    Raises:
        ValueError: an address in the view is not of the kind that may stand there.
    """
    style = _style(view.brand)
    body = _ENVIRONMENT.get_template(_TEMPLATES[type(view)]).render(
        v=view,
        brand=view.brand,
        locale=locale,
        t=partial(text, locale),
        name=partial(_name, locale),
        plain=partial(_plain, locale),
        scope=partial(_scope, locale),
        date=lambda moment: date(moment, locale),
        date_and_time=lambda moment: date_and_time(moment, locale),
        other=_other(locale, other_language),
        style=style,
        light=shades(view.brand.colour)[0],
        stylesheet=STYLESHEET,
        console_stylesheet=CONSOLE_STYLESHEET,
        console_script=CONSOLE_SCRIPT,
    )
    policy = ("content-security-policy", _policy(view, style))
    return Reply(_status(view), (*_HEADERS, policy), body.encode())


def _status(view: View | ConsoleView) -> int:
    if isinstance(view, console.ConsoleView):
        return int(getattr(view, "status", 200))
    match view:
        case LogIn(problem=LogInProblem() as problem):
            return _LOG_IN_STATUS[problem]
        case Problem(fault=fault):
            return fault.status
        case NoAccess() | NoCompany() | LinkEnded():
            return 403
        case ChoosePassword(problem=PasswordProblem() as problem):
            return _PASSWORD_STATUS[problem]
        case AlreadyAnswered():
            return 409
        case Consent(problem=ConsentProblem() as wrong):
            return _CONSENT_STATUS[wrong]
        case ApiKeys(problem=problem) if problem is not None:
            return 400
        case _:
            return 200


def _policy(view: View | ConsoleView, style: str) -> str:
    """Return the Content-Security-Policy (level 3). The one inline part, the brand's colours, is allowed by hash.

    Only pages of administration may run a script: ours. Where somebody logs in or consents, none does.
    """
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    redirect_uri = view.redirect_uri if isinstance(view, LogIn | Consent) else None
    targets = "'self'" if redirect_uri is None else f"'self' {_ways_back(redirect_uri)}"
    administers = isinstance(view, console.ConsoleView) and not isinstance(view, Front)
    script = "script-src 'self'; " if administers else ""
    return (
        f"default-src 'none'; {script}style-src 'self' 'sha256-{digest}'; img-src 'self' data:; "
        f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
    )


def _ways_back(redirect_uri: str) -> str:
    """Return where the answer to a form may end up, as a source of `form-action`.

    Chromium holds every redirect that follows a form to the directive (measured with version 156), not only
    the first: after our own 303 also those by which the application sends the user on, often to another of its hosts
    (www, app). Those cannot be known here, so an application on the web gets its scheme and not its origin. On the
    user's own machine any port will do, as for the redirect URI (RFC 8252 §7.3), and an app has its own scheme.
    """
    parts = urlsplit(redirect_uri)
    if parts.scheme == "http":
        host = parts.hostname or ""
        return "http:" if ":" in host else f"http://{host}:*"  # CSP level 3 §2.3.1 has no words for an IPv6 address
    return f"{parts.scheme}:"


def _style(brand: Brand) -> str:
    light, dark = shades(brand.colour)
    text_of: Callable[[str, str, str, str], str] = ":root{{--fill:{};--on-fill:{};--rim:{};--ink:{}}}".format
    return (
        text_of(light.fill, light.on_fill, light.rim, light.ink)
        + "@media(prefers-color-scheme:dark){"
        + text_of(dark.fill, dark.on_fill, dark.rim, dark.ink)
        + "}"
    )


def _other(locale: Locale, url: str | None) -> tuple[Locale, str, Markup] | None:
    """Return the other language, where the page stands in it, and what it calls itself."""
    if url is None:
        return None
    (language,) = (one for one in LOCALES if one != locale)
    return language, own_path(url), text(language, "language.name")


def _plain(locale: Locale, stranger: str) -> str:
    """Return a name for a title or an attribute."""
    return shown(stranger) or text(locale, "unnamed")


def _name(locale: Locale, stranger: str) -> Markup:
    """Return a name for a sentence: its direction of writing stays its own (Unicode TR 9, HTML `bdi`)."""
    return Markup("<bdi>{}</bdi>").format(_plain(locale, stranger))


def _scope(locale: Locale, scope: str) -> Markup:
    """Return what a scope lets an application do; one that we have no words for is shown by its own name."""
    known = SCOPES[locale].get(scope)
    return Markup("{}").format(known) if known else Markup("<code>{}</code>").format(_plain(locale, scope))
