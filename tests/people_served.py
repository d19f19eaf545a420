"""People and applications at a server in this process: who logs in, who asks for them, and a browser of theirs."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

from argon2 import PasswordHasher

from asgi_driver import call
from builders import NOW
from html_pages import Page
from issuing import FORM, LUCA, a_client, as_form, known
from portvakt.jose import base64url
from portvakt.model.behalf import Password
from portvakt.model.behalf_change import SetPassword
from portvakt.model.change import AddMember, AddOrganisation, AddUser, Applied
from portvakt.model.nouns import ClientAuthentication, Organisation, User
from portvakt.model.values import OrganisationNumber, UserId
from portvakt.server.account import WRONG_PASSWORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgi_driver import Answer
    from html_pages import Form
    from issuing import Serving
    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer

HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
CALLBACK = "https://app.example/cb"
LOOPBACK = "http://127.0.0.1/cb"
VERIFIER = "v" * 43
CHALLENGE = base64url.encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()
GRANTS = frozenset({"authorization_code", "refresh_token"})
TRIES = WRONG_PASSWORDS.limit

ALONE, FIRST, SECOND, THIRD = (OrganisationNumber(f"31204715{digit}") for digit in "1234")
COMPANIES = {ALONE: "Alene AS", FIRST: "Første AS", SECOND: "Andre AS", THIRD: "Tredje AS"}


@dataclass(frozen=True)
class Person:
    """Somebody who logs in."""

    name: str
    companies: tuple[OrganisationNumber, ...]
    locale: str | None = None

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    @property
    def password(self) -> str:
        return f"{self.name}s-long-pass-phrase"

    @property
    def user_id(self) -> UserId:
        return UserId(f"user_{self.name}")


KARI = Person("kari", (ALONE,), "nb")
SAM = Person("sam", (FIRST, SECOND, THIRD), "en")
LONER = Person("loner", ())
PEOPLE = (KARI, SAM, LONER)


def people_of(issuer: Issuer) -> list[Change]:
    """Return the changes that make the issuer's users and their companies, and applications that ask for them."""
    name = issuer.name
    changes: list[Change] = [
        AddOrganisation(Organisation(issuer=name, number=number, name=title, created_at=NOW))
        for number, title in COMPANIES.items()
    ]
    for person in PEOPLE:
        user = User(id=person.user_id, issuer=name, email=person.email, locale=person.locale, created_at=NOW)
        hashed = HASHER.hash(person.password)
        changes += [
            AddUser(user),
            SetPassword(Password(issuer=name, user_id=user.id, hash=hashed, changed_at=NOW)),
            *(AddMember(name, number, user.id, NOW) for number in person.companies),
        ]
    for label in ("app", "other"):
        changes += an_application(issuer, label)
    if issuer is not LUCA:
        changes += an_application(issuer, "spa", [], authentication=ClientAuthentication.NONE)
    return changes


def an_application(issuer: Issuer, label: str, secrets: Any = None, **fields: Any) -> list[Change]:
    """Return the changes that make an application which users may let act for them."""
    scopes = ("accounting",) if issuer.provider.name == "luca" else ("read", "write")
    about = {"grants": GRANTS, "redirect_uris": (CALLBACK, LOOPBACK), "scopes": scopes, "default_scopes": scopes[:1]}
    return a_client(issuer, label, secrets, **{**about, **fields})


@dataclass
class Served:
    """A server with people. `secrets` of what it gave out are watched for in its log."""

    serving: Serving

    @property
    def store(self) -> Any:
        return self.serving.store

    async def apply(self, *changes: Change) -> None:
        assert await self.store.apply(changes) == Applied()

    def browser(self, issuer: Issuer, **more: Any) -> Browser:
        return Browser(self.serving, issuer, **more)

    async def token(self, issuer: Issuer, label: str = "app", **parameters: str) -> Answer:
        """Ask the token endpoint as a client does, its secret in the body if it has one, or by `authorization`."""
        client = known(issuer, label)
        who: dict[str, str] = {"client_id": client.client_id}
        if label != "spa":
            who["client_secret"] = client.secret
        sent = {**who, **parameters}
        authorization = sent.pop("authorization", "")
        secret = ("client_secret", "code", "refresh_token", "code_verifier")
        self.serving.secrets |= {sent[name] for name in secret if len(sent.get(name, "")) > 20}
        answer = await call(
            self.serving.application,
            "POST",
            urlsplit(issuer.url).path + issuer.provider.token_paths[0],
            headers=[
                ("host", urlsplit(issuer.url).netloc),
                ("content-type", FORM),
                *([("authorization", authorization)] if authorization else []),
            ],
            body=as_form({name: text for name, text in sent.items() if text}),
            client=("192.0.2.1", 50000),
        )
        self.serving.check(answer, issuer)
        if answer.status == 200:
            self.serving.secrets.add(answer.json().get("refresh_token", answer.json()["access_token"]))
        return answer

    async def exchange(self, issuer: Issuer, code: str, label: str = "app", **changes: str) -> Answer:
        """Redeem a code as its request was made by `Browser.authorize`."""
        usual = {"code_verifier": VERIFIER, "redirect_uri": CALLBACK} if issuer.provider.name == "standard" else {}
        return await self.token(issuer, label, grant_type="authorization_code", code=code, **{**usual, **changes})

    async def refresh(self, issuer: Issuer, token: str, label: str = "app", **changes: str) -> Answer:
        return await self.token(issuer, label, grant_type="refresh_token", refresh_token=token, **changes)

    async def code(self, issuer: Issuer, person: Person = KARI, label: str = "app", **parameters: str) -> str:
        """Return a code for a person in a browser of their own."""
        return await self.browser(issuer).get_code(person, label, **parameters)

    async def tokens(self, issuer: Issuer, person: Person = KARI, label: str = "app") -> dict[str, Any]:
        answer = await self.exchange(issuer, await self.code(issuer, person, label), label)
        found: dict[str, Any] = answer.json()
        assert answer.status == 200, found
        return found


@dataclass
class Browser:
    """A browser at one issuer: keeps its cookies, says where its forms come from, follows nothing by itself."""

    served: Serving
    issuer: Issuer
    address: str = "192.0.2.1"
    language: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return self.issuer.url.removesuffix(urlsplit(self.issuer.url).path)

    async def get(self, path: str, **headers: str) -> Page:
        return await self._ask("GET", path, headers)

    async def post(self, path: str, fields: dict[str, str] | bytes, **headers: str) -> Page:
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        usual = {"origin": self.origin, "sec-fetch-site": "same-origin", "content-type": FORM}
        return await self._ask("POST", path, {**usual, **headers}, body)

    async def submit(self, form: Form, *, leave_out: Sequence[str] = (), **fields: str) -> Page:
        sent = {name: value for name, value in {**form.fields, **fields}.items() if name not in leave_out}
        return await self.post(form.action, sent)

    def authorize_path(self, label: str = "app", **changes: str) -> str:
        """Return the path and query of a good request with `changes`; what changes to "" is left out."""
        good = {
            "client_id": known(self.issuer, label).client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "accounting" if self.issuer.provider.name == "luca" else "read",
            "state": "s 1",
        }
        if self.issuer.provider.name == "standard":
            good |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        query = urlencode({name: text for name, text in {**good, **changes}.items() if text})
        return f"{self.root}{self.issuer.provider.authorize_path}?{query}"

    @property
    def root(self) -> str:
        return urlsplit(self.issuer.url).path

    async def authorize(self, label: str = "app", **changes: str) -> Page:
        return await self.get(self.authorize_path(label, **changes))

    async def log_in(self, person: Person, page: Page | None = None) -> Page:
        """Fill in the log-in form of a page, or that of /login; return where one is sent then."""
        page = page or await self.get(f"{self.root}/login")
        self.served.secrets.add(person.password)
        answer = await self.submit(page.form("/login"), email=person.email, password=person.password)
        return await self.get(answer.location)

    async def ask_consent(self, person: Person, label: str = "app", **parameters: str) -> Page:
        """Return the page on which the person is asked."""
        page = await self.authorize(label, **parameters)
        return await self.log_in(person, page) if page.has_form("/login") else page

    async def get_code(self, person: Person, label: str = "app", **parameters: str) -> str:
        page = await self.ask_consent(person, label, **parameters)
        if page.status == 200:
            form = page.form("/consent")
            chosen = {"organisation": form.choices["organisation"][0]} if "organisation" in form.choices else {}
            page = await self.submit(form, decision="allow", **chosen)
        code = page.sent_back["code"]
        self.served.secrets.add(code)
        return code

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Page:
        url = urljoin(self.issuer.url, path)
        assert url.startswith(self.origin + "/"), url
        parts = urlsplit(url)
        said = {"host": parts.netloc, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            said["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.language:
            said["accept-language"] = self.language
        answer = await call(
            self.served.application,
            method,
            parts.path,
            headers={name: value for name, value in said.items() if value},
            body=body,
            query=parts.query,
            client=(self.address, 50000),
        )
        page = Page(answer.status, answer.headers, answer.body.decode())
        self._check(page)
        self._keep(page)
        return page

    def _keep(self, page: Page) -> None:
        for name, line in page.headers:
            if name == "set-cookie":
                key, _, value = line.partition(";")[0].partition("=")
                if not key.endswith("portvakt-language"):  # which is no secret
                    self.served.secrets.add(value)
                self.cookies.pop(key, None)
                if value:
                    self.cookies[key] = value

    def _check(self, page: Page) -> None:
        """Check what holds for every answer to a browser (U4, U6, H1, H3, H7)."""
        said = {name: value for name, value in page.headers if name != "set-cookie"}
        assert not any(name.startswith("access-control-") for name in said), said
        if page.status == 405:
            return
        assert page.status in {200, 303, 400, 403, 404, 409, 412, 413, 415, 429, 503}, (page.status, page.text[-600:])
        secure = self.issuer.url.startswith("https://")
        if said.get("content-type", "").startswith("text/html") or page.status == 303:
            assert said["cache-control"] == "no-store"
            assert said["pragma"] == "no-cache"
            assert said["vary"] == "Cookie, Authorization"
            assert said["referrer-policy"] == ("no-referrer" if page.status == 303 else "same-origin")
            assert ("strict-transport-security" in said) is secure
        if page.status != 303:
            assert said["x-frame-options"] == "DENY"
            assert said["x-content-type-options"] == "nosniff"
            policy = said["content-security-policy"]
            assert "frame-ancestors 'none'" in policy
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert not re.search(r"Traceback|SELECT |sqlite|\.py\b", page.text)
            if said["content-type"].startswith("text/html"):
                assert page.lang in {"nb", "en"}
                assert page.heading
        for _, line in (header for header in page.headers if header[0] == "set-cookie"):
            parts = line.split("; ")
            assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(parts), line
            assert ("Secure" in parts) is secure is parts[0].startswith("__Host-portvakt-"), line


async def settled() -> None:
    """Return once what a page does after its answer is done."""
    after = ("portvakt: give a link", "portvakt: note a log-in")
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() in after))


def quick(served: Serving) -> Served:
    """Return a server whose unknown users cost as little as its known ones."""
    served.application._passwords._hasher = HASHER
    return Served(served)
