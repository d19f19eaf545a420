"""A sample of every page of administration, in every state that looks different."""

from __future__ import annotations

from dataclasses import replace

from portvakt.model.audit import Act
from portvakt.model.behalf import Purpose
from portvakt.model.values import Instant
from portvakt.pages import console as views
from portvakt.pages.console import ConsoleView, OtherMeans
from portvakt.pages.views import Brand

NOW = Instant(1795375740)  # 2026-11-22T19:29:00Z
DAY = 86_400
BRAND = Brand(name="Portvakt", root="/portvakt", test=True)
LIVE = replace(BRAND, test=False)
EMAIL = "drift@fjordogfjell.example"
OWNER = "integrasjon@bakeriet.example"
LONG = "Nordmøre og Romsdal Kraftforedling, Industrivedlikehold og Eiendomsforvaltning Holding AS"
MEANS = OtherMeans(
    curl="curl -X POST https://id.example/admin/api/v1/issuers/breeze-test/clients \\\n"
    '-H "Authorization: Bearer $PORTVAKT_TOKEN" \\\n'
    '-H "Content-Type: application/json" \\\n'
    """-d '{"name": "Nightly import"}'""",
    command="portvakt client create --name 'Nightly import' --issuer breeze-test",
)
ROOMS = {
    views.Room.USERS: "users",
    views.Room.CLIENTS: "clients",
    views.Room.ORGANISATIONS: "organisations",
    views.Room.REFUSALS: "refusals",
    views.Room.KEYS: "keys",
    views.Room.OUTBOX: "outbox",
    views.Room.LOG: "log",
}


def frame(here: str = "breeze-test", room: views.Room | None = views.Room.CLIENTS, *crumbs: views.Crumb) -> views.Frame:
    environments = (("breeze-test", "Breeze", True), ("breeze", "Breeze", False), ("portvakt", "Portvakt", False))
    return views.Frame(
        email=EMAIL,
        home_url="/admin",
        log_out_url="/portvakt/logout",
        doors=tuple(views.Door(room=one, url=f"/admin/{here}/{path}", here=one is room) for one, path in ROOMS.items())
        if room
        else (),
        environments=tuple(
            views.Environment(
                name=name,
                title=title,
                url=f"/admin/{name}/users",
                address=f"https://id.example/{name}",
                test=test,
                own=name == "portvakt",
                here=name == here,
            )
            for name, title, test in environments
        ),
        crumbs=crumbs,
    )


def line(name: str, **changes: object) -> views.ClientLine:
    good = views.ClientLine(
        client_id="oauth_h4u25ue0hkp84f53nq1j",
        url="/admin/breeze-test/clients/oauth_h4u25ue0hkp84f53nq1j",
        name=name,
        owner=OWNER,
        enabled=True,
        public=False,
        live=2,
        ends=Instant(NOW + 170 * DAY),
        used=NOW,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


def clients(owner: str = "", lines: tuple[views.ClientLine, ...] = (), **changes: object) -> views.ClientList:
    crumbs = (views.Crumb(url="/admin/breeze-test/users/user_1", name=owner),) if owner else ()
    good = views.ClientList(
        brand=BRAND,
        frame=frame("breeze-test", views.Room.USERS if owner else views.Room.CLIENTS, *crumbs),
        owner=owner,
        sought="",
        search_url=None if owner else "/admin/breeze-test/clients",
        lines=lines,
        next_url=None,
        create_url="/admin/breeze-test/clients/new",
        means=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


LINES = (
    line("Nattlig import"),
    line(LONG, live=0, ends=None, used=None),
    line("Appen", public=True, live=0, ends=None, owner="Bakeriet på hjørnet ENK"),
    line("Gammel eksport", enabled=False, ends=None, live=1),
)


def form(**changes: object) -> views.ClientForm:
    good = views.ClientForm(
        brand=BRAND,
        frame=frame(
            "breeze-test", views.Room.CLIENTS, views.Crumb(url="/admin/breeze-test/clients", room=views.Room.CLIENTS)
        ),
        action="/admin/breeze-test/clients/new",
        csrf="csrf",
        filled=views.Filled(owner=OWNER),
        asks_owner=True,
        known_scopes=(),
        acts_for_users=False,
        authentications=("any_secret", "client_secret_basic", "client_secret_post"),
        has_quotas=True,
        earliest="2026-11-23",
        means=MEANS,
        back_url="/admin/breeze-test/clients",
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


def secret(state: views.State, last4: str, **changes: object) -> views.SecretLine:
    good = views.SecretLine(
        secret_id=f"sec_{last4}",
        prefix="pvk_cs_XjRw",
        last4=last4,
        created=Instant(NOW - 10 * DAY),
        ends=Instant(NOW + 170 * DAY),
        used=None,
        used_from="",
        state=state,
        in_use=False,
        means=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


SECRETS = (
    secret(views.State.LIVE, "yE0A", used=Instant(NOW - 60), used_from="203.0.113.7", in_use=True),
    secret(views.State.EXPIRING, "k2Lw", ends=Instant(NOW + DAY), used=Instant(NOW - 3 * DAY), used_from="2001:db8::1"),
    secret(views.State.EXPIRED, "aB3d", ends=Instant(NOW - DAY)),
    secret(views.State.REVOKED, "Qz9_", ends=None),
)


def client(**changes: object) -> views.ClientPage:
    here = "/admin/breeze-test/clients/oauth_h4u25ue0hkp84f53nq1j"
    good = views.ClientPage(
        brand=BRAND,
        frame=frame(
            "breeze-test", views.Room.CLIENTS, views.Crumb(url="/admin/breeze-test/clients", room=views.Room.CLIENTS)
        ),
        action=here,
        csrf="csrf",
        version=3,
        client_id="oauth_h4u25ue0hkp84f53nq1j",
        name="Nattlig import",
        description="Henter legitimasjoner hver natt. Spør Ida.",
        owner=OWNER,
        owner_url="/admin/breeze-test/users/user_1",
        organisation="",
        authentication="any_secret",
        public=False,
        grants=("client_credentials",),
        scopes=(),
        redirect_uris=(),
        token_quota="",
        created=Instant(NOW - 90 * DAY),
        enabled=True,
        enables=False,
        disables=True,
        secrets=SECRETS,
        earliest="2026-11-23",
        change_url=f"{here}/change",
        log_url="/admin/breeze-test/log?client=oauth_h4u25ue0hkp84f53nq1j",
        refusals_url="/admin/breeze-test/refusals?client=oauth_h4u25ue0hkp84f53nq1j",
        acts=views.ClientActs(rotate=MEANS, enable=MEANS, disable=MEANS, delete=MEANS),
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


def shown(**changes: object) -> views.SecretShown:
    secret_text = "pvk_cs_XjRwKgWv-sLu56q5P53BBS00MyWvs250XdKuxCA3vyQmyxE0A"
    good = views.SecretShown(
        brand=BRAND,
        frame=frame(
            "breeze-test", views.Room.CLIENTS, views.Crumb(url="/admin/breeze-test/clients", room=views.Room.CLIENTS)
        ),
        client_name="Nattlig import",
        client_id="oauth_h4u25ue0hkp84f53nq1j",
        client_secret=secret_text,
        env=f"PORTVAKT_CLIENT_ID=oauth_h4u25ue0hkp84f53nq1j\nPORTVAKT_CLIENT_SECRET={secret_text}\n",
        file_name="breeze-test.env",
        curl="curl -X POST https://id.example/breeze-test/oauth/token \\\n"
        '-H "Content-Type: application/json" \\\n-d \'{\n"grant_type": "client_credentials",\n'
        f'"client_id": "oauth_h4u25ue0hkp84f53nq1j",\n"client_secret": "{secret_text}"\n}}\'',
        ends=Instant(NOW + 180 * DAY),
        rotated=False,
        older_end=None,
        client_url="/admin/breeze-test/clients/oauth_h4u25ue0hkp84f53nq1j",
        means=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


LOG = (
    views.LogLine(
        number=12,
        act=Act.SECRET_REVOKED,
        at=NOW,
        what="sec_yE0A",
        url="/admin/breeze-test/clients/oauth_h4u25ue0hkp84f53nq1j",
        actor=EMAIL,
        address="203.0.113.7",
        reference="367286fb-c",
        differences=(views.Difference(name="revoked", before=None, after="2026-11-22 19:29 UTC"),),
    ),
    views.LogLine(
        number=11,
        act=Act.CLIENT_CHANGED,
        at=Instant(NOW - 3600),
        what="Nattlig import",
        url="/admin/breeze-test/clients/oauth_h4u25ue0hkp84f53nq1j",
        actor="oddvar",
        address="",
        reference="",
        differences=(
            views.Difference(name="name", before=LONG, after="Nattlig import"),
            views.Difference(name="scopes", before="read", after=None),
        ),
    ),
    views.LogLine(
        number=10,
        act=Act.LOG_IN_FAILED,
        at=Instant(NOW - DAY),
        what="user_1",
        url=None,
        actor="nobody",
        address="2001:db8::1",
        reference="367286fb-a",
        differences=(),
    ),
)


def log(lines: tuple[views.LogLine, ...] = LOG, **changes: object) -> views.LogPage:
    good = views.LogPage(
        brand=BRAND,
        frame=frame("breeze-test", views.Room.LOG),
        search_url="/admin/breeze-test/log",
        sought=views.Sought(),
        acts=tuple(Act),
        lines=lines,
        next_url="/admin/breeze-test/log?before=10",
        csv_url="/admin/breeze-test/log.csv",
        jsonl_url="/admin/breeze-test/log.jsonl",
        means=MEANS,
        export=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


USERS = tuple(
    views.UserLine(url=f"/admin/breeze-test/users/user_{at}", email=email, roles=roles, since=NOW, enabled=at != 2)
    for at, (email, roles) in enumerate(
        (
            (OWNER, ("credentials:read", "developer")),
            ("ida@bakeriet.example", ()),
            ("en.ganske.lang.adresse.som.ikke.far.plass@" + "x" * 60 + ".example", ("operator",)),
        )
    )
)


def users(lines: tuple[views.UserLine, ...] = USERS, **changes: object) -> views.Users:
    good = views.Users(
        brand=BRAND,
        frame=frame("breeze-test", views.Room.USERS),
        search_url="/admin/breeze-test/users",
        csrf="csrf",
        invites=True,
        add=MEANS,
        sought="",
        lines=lines,
        next_url="/admin/breeze-test/users?after=user_3",
        means=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


def profile(**changes: object) -> views.Profile:
    good = views.Profile(
        brand=BRAND,
        frame=frame(
            "breeze-test", views.Room.USERS, views.Crumb(url="/admin/breeze-test/users", room=views.Room.USERS)
        ),
        user_id="user_1",
        email=OWNER,
        roles=("credentials:read", "developer"),
        since=NOW,
        enabled=True,
        has_password=True,
        companies=(
            views.Belonging(number="912345678", name="Fjord & Fjell AS", administrator=True, url="/admin/x/1"),
            views.Belonging(number="923609016", name=LONG, administrator=False, url="/admin/x/2"),
        ),
        clients_url="/admin/breeze-test/users/user_1/clients",
        log_url="/admin/breeze-test/log?user=user_1",
        action="/admin/breeze-test/users/user_1",
        csrf="csrf",
        version=2,
        logs_in=True,
        sessions=2,
        acts=views.PersonActs(change=MEANS, link=MEANS, log_out=MEANS, enable=MEANS, disable=MEANS),
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


ORGANISATIONS = (
    views.OrganisationLine(number="912345678", name="Fjord & Fjell AS", enabled=True, url="/admin/x/1"),
    views.OrganisationLine(number="923609016", name=LONG, enabled=False, url="/admin/x/2"),
)


def organisations(**changes: object) -> views.Organisations:
    good = views.Organisations(
        brand=BRAND,
        frame=frame("breeze-test", views.Room.ORGANISATIONS),
        search_url="/admin/breeze-test/organisations",
        csrf="csrf",
        sought="",
        lines=ORGANISATIONS,
        next_url=None,
        means=MEANS,
        add=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


def member(email: str, **changes: object) -> views.MemberLine:
    good = views.MemberLine(
        user_id="user_1",
        email=email,
        administrator=False,
        since=NOW,
        url="/admin/breeze-test/users/user_1",
        change=MEANS,
        remove=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


MEMBERS = (member(OWNER, administrator=True), member("ida@bakeriet.example"), member(USERS[2].email))


def organisation(members: tuple[views.MemberLine, ...] = MEMBERS, **changes: object) -> views.OrganisationPage:
    good = views.OrganisationPage(
        brand=BRAND,
        frame=frame(
            "breeze-test",
            views.Room.ORGANISATIONS,
            views.Crumb(url="/admin/breeze-test/organisations", room=views.Room.ORGANISATIONS),
        ),
        number="912345678",
        name="Fjord & Fjell AS",
        enabled=True,
        members=members,
        next_url=None,
        clients_url="/admin/breeze-test/organisations/912345678/clients",
        log_url="/admin/breeze-test/log?organisation=912345678",
        action="/admin/breeze-test/organisations/912345678",
        csrf="csrf",
        version=2,
        add=MEANS,
        switch=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


def refusal(reference: str, reason: str, **changes: object) -> views.RefusalLine:
    good = views.RefusalLine(
        reference=reference,
        url=f"/admin/breeze-test/refusals/{reference}",
        at=NOW,
        answered=401,
        code="invalid_client",
        reason=reason,
        method="POST",
        path="/breeze-test/oauth/token",
        address="203.0.113.7",
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


REFUSALS = (
    refusal("367286fb-c", "wrong secret"),
    refusal("367286fb-b", "the secret has expired", at=Instant(NOW - 60), address="2001:db8::1"),
    refusal("367286fb-a", "scope " + "x" * 90, answered=400, code="invalid_scope", path="/breeze-test" + "/oauth" * 30),
)


def refusals(lines: tuple[views.RefusalLine, ...] = (), **changes: object) -> views.Refusals:
    good = views.Refusals(
        brand=BRAND,
        frame=frame("breeze-test", views.Room.REFUSALS),
        search_url="/admin/breeze-test/refusals",
        client="",
        clients_url="/admin/breeze-test/clients",
        above=views.Room.CLIENTS,
        lines=lines,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


def explained(**changes: object) -> views.Explained:
    here = "/admin/breeze-test/clients/oauth_h4u25ue0hkp84f53nq1j"
    good = views.Explained(
        brand=BRAND,
        frame=frame(
            "breeze-test", views.Room.REFUSALS, views.Crumb(url="/admin/breeze-test/refusals", room=views.Room.REFUSALS)
        ),
        reference="367286fb-c",
        issuer="breeze-test",
        at=NOW,
        method="POST",
        path="/breeze-test/oauth/token",
        address="203.0.113.7",
        answered=401,
        code="invalid_client",
        client_id="oauth_h4u25ue0hkp84f53nq1j",
        client="Nattlig import",
        client_url=here,
        others_url="/admin/breeze-test/refusals?client=oauth_h4u25ue0hkp84f53nq1j",
        cause="Hemmeligheten pvk_cs_XjRw…aB3d er klientens, men utløp 2026-11-21T19:29:00Z.",
        cause_in_english=False,
        rule="En hemmelighet virker til den tiden som ble valgt da den ble laget.",
        what_to_do="Bruk en av klientens hemmeligheter som fortsatt virker, eller lag en ny: Roter hemmeligheten.",
        curl="curl https://id.example/breeze-test/oauth/token \\\n"
        "  --header 'Content-Type: application/json' \\\n"
        """  --data '{"grant_type": "client_credentials", "client_id": "oauth_h4u25ue0hkp84f53nq1j", """
        """"client_secret": "'"$CLIENT_SECRET"'"}'""",
        means=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


def key(state: str, at: int, algorithm: str = "RS256", until: Instant | None = None) -> views.KeyLine:
    began = Instant(NOW - at * DAY)
    key_id = f"{at:02}rGqJk1nS7Vv0m3wZC-yE0Aq2Lw_tXoPd8HbKfUcJNeM"[:43]
    return views.KeyLine(
        key_id=key_id, algorithm=algorithm, state=state, created=began, signs_from=Instant(began + 600), until=until
    )


def keys(lines: tuple[views.KeyLine, ...], **changes: object) -> views.Keys:
    good = views.Keys(
        brand=LIVE,
        frame=frame("breeze", views.Room.KEYS),
        action="/admin/breeze/keys",
        csrf="csrf",
        lines=lines,
        waits=lines[0].state == "next",
        means=MEANS,
        rotate=MEANS,
        issuer="breeze",
        revoke=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


KEYS = (key("signing", 20), key("retired", 200, until=Instant(NOW - 19 * DAY)))


def waiting(email: str, purpose: Purpose, **changes: object) -> views.OutboxLine:
    good = views.OutboxLine(
        user_id="user_1",
        email=email,
        url="/admin/breeze-test/users/user_1",
        purpose=purpose,
        since=Instant(NOW - 3600),
        ends=Instant(NOW + DAY),
        enabled=True,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


WAITING = (
    waiting(OWNER, Purpose.INVITED),
    waiting("ida@bakeriet.example", Purpose.RESET, enabled=False),
    waiting("en.ganske.lang.adresse.som.ikke.far.plass@" + "x" * 60 + ".example", Purpose.INVITED),
)


def outbox(lines: tuple[views.OutboxLine, ...] = WAITING, **changes: object) -> views.Outbox:
    good = views.Outbox(
        brand=BRAND,
        frame=frame("breeze-test", views.Room.OUTBOX),
        action="/admin/breeze-test/outbox",
        csrf="csrf",
        logs_in=True,
        mail_host="",
        lines=lines,
        next_url=None,
        users_url="/admin/breeze-test/users",
        means=MEANS,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # members by name


def stopped(why: views.Stop) -> views.Stopped:
    around = frame("", None)
    around = replace(around, environments=()) if why is views.Stop.ROLE else around
    return views.Stopped(brand=LIVE, frame=around, why=why, reference="367286fb-c", back_url="/admin")


def own_frame(*crumbs: views.Crumb) -> views.Frame:
    """Return what stands around a developer's pages."""
    return views.Frame(
        email=OWNER,
        home_url="/luca-test/account",
        log_out_url="/luca-test/logout",
        doors=(
            views.Door(room=views.Room.ACCOUNT, url="/luca-test/account"),
            views.Door(room=views.Room.SETTINGS, url="/luca-test/settings", here=True),
        ),
        crumbs=crumbs,
    )


LUCA = Brand(name="Luca Regnskap", root="/luca-test", colour="#0f5c4d", test=True)
APPLICATIONS = views.Crumb(url="/luca-test/settings/advanced", room=views.Room.APPLICATIONS)
TABS = (
    views.Tab(url="/luca-test/settings/advanced", name=OWNER, here=True),
    views.Tab(url="/luca-test/settings/advanced?organisation=912345678", name="Fjord & Fjell AS", here=False),
)


CONSOLE_SAMPLES: dict[str, ConsoleView] = {
    "console_environments": views.Environments(brand=LIVE, frame=frame("", None)),
    "console_users": users(),
    "console_users_none": users((), next_url=None),
    "console_users_sought": users((), next_url=None, sought="kari"),
    "console_profile": profile(),
    "console_profile_bare": profile(roles=(), companies=(), has_password=False, enabled=False, sessions=0),
    "console_profile_done": profile(done=views.PersonDone.CHANGED, logs_in=False),
    "console_profile_wrong": profile(problem="The last operator stays.", status=409),
    "console_users_wrong": users(invites=False, email="x", problem="An email address is NAME@HOST.", status=400),
    "console_link": views.LinkShown(
        brand=BRAND,
        frame=frame("breeze-test", views.Room.USERS),
        email=OWNER,
        link="https://id.example/breeze-test/password?link=" + "Qz9_" * 12,
        ends=Instant(NOW + 7 * DAY),
        profile_url="/admin/breeze-test/users/user_1",
        means=MEANS,
    ),
    "console_organisations": organisations(),
    "console_organisations_none": organisations(lines=()),
    "console_organisations_sought": organisations(lines=(), sought="999"),
    "console_organisation": organisation(),
    "console_organisation_empty": organisation((), enabled=False),
    "console_clients": clients("", LINES, next_url="/admin/breeze-test/clients?after=x"),
    "console_clients_live": replace(clients("", LINES[:1]), brand=LIVE, frame=frame("breeze")),
    "console_clients_of": clients(OWNER, LINES[:2]),
    "console_clients_none": clients(OWNER),
    "console_clients_sought": clients(sought="nothing", create_url=None),
    "console_create": form(),
    "console_create_standard": form(
        known_scopes=None,
        acts_for_users=True,
        authentications=("any_secret", "client_secret_basic", "client_secret_post", "none"),
    ),
    "console_create_wrong": form(
        filled=views.Filled(name="Nattlig import", expires="date", until="2020-01-01", owner=OWNER),
        problem="Choose when the secret ends: a number of days, or a date in the future.",
        status=400,
    ),
    "settings_new": form(
        brand=LUCA,
        frame=own_frame(APPLICATIONS),
        asks_owner=False,
        choices=(
            views.Choice(number="", name=OWNER),
            views.Choice(number="912345678", name="Fjord & Fjell AS"),
        ),
        known_scopes=("accounting",),
        acts_for_users=True,
        acts_alone=False,
        has_quotas=False,
    ),
    "console_change": form(changes="Nattlig import", filled=views.Filled(name="Nattlig import", version="3")),
    "console_secret": shown(),
    "console_secret_rotated": shown(rotated=True, older_end=Instant(NOW + DAY)),
    "console_secret_replaced": shown(rotated=True),
    "console_secret_public": shown(client_secret=None, ends=None),
    "settings_secret": shown(
        brand=LUCA,
        frame=own_frame(APPLICATIONS),
        code_url="https://id.example/luca-test/api/v1/oauth2/authorize?client_id=client_1"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&response_type=code&scope=accounting&state=Zk3",
    ),
    "console_secret_guards": shown(curl=""),
    "console_client": client(),
    "console_client_disabled": client(
        enabled=False,
        enables=True,
        secrets=(),
        done=views.Done.DISABLED,
        organisation="Fjord & Fjell AS",
        token_quota="100/3600s",
    ),
    "console_client_disabled_by_operator": client(enabled=False, disables=False, owner_url=None),
    "console_client_public": client(
        public=True,
        secrets=(),
        authentication="none",
        scopes=("read", "write"),
        redirect_uris=("https://app.example/callback", "http://127.0.0.1/callback"),
        owner_url=None,
    ),
    **{f"console_client_wrong_{one.value}": client(wrong=one, status=409, detail="Why.") for one in views.Wrong},
    "console_client_again": client(done=views.Done.AGAIN),
    "settings": views.Settings(
        brand=LUCA,
        frame=own_frame(),
        advanced_url="/luca-test/settings/advanced",
        refusals_url="/luca-test/settings/refusals",
        companies=(views.Tab(url="/luca-test/settings/organisations/912345678", name="Fjord & Fjell AS", here=False),),
    ),
    "settings_organisation": organisation(
        tuple(replace(one, url=None) for one in MEMBERS),
        brand=LUCA,
        frame=own_frame(views.Crumb(url="/luca-test/settings", room=views.Room.SETTINGS)),
        clients_url="/luca-test/settings/advanced?organisation=912345678",
        log_url="/luca-test/settings/log?organisation=912345678",
        action="/luca-test/settings/organisations/912345678",
        switch=None,
        problem="The user is no member of that organisation.",
        status=404,
    ),
    "settings_applications": clients(
        "", LINES[:2], brand=LUCA, frame=own_frame(), tabs=TABS, search_url=None, create_url="/luca-test/settings/new"
    ),
    "settings_applications_none": clients(brand=LUCA, frame=own_frame(), tabs=TABS[:1], search_url=None),
    "console_refusals": refusals(),
    "console_refusals_of": refusals(REFUSALS, client="Nattlig import", means=MEANS, next_url="/admin/x?before=10"),
    "console_refusals_none": refusals(client=LONG, means=MEANS),
    "console_refusals_sought": refusals(sought="367286fb-z", status=404),
    "settings_refusals": refusals(brand=LUCA, frame=own_frame(), above=views.Room.APPLICATIONS),
    "console_explained": explained(),
    "console_explained_bare": explained(
        cause="Grant_type is missing.",
        cause_in_english=True,
        client_id="",
        client="",
        client_url=None,
        others_url=None,
        curl="",
        path="/breeze-test" + "/oauth" * 30,
    ),
    "console_keys": keys(KEYS, done=views.KeysDone.ROTATED),
    "console_keys_waiting": keys((key("next", 0, "ES256"), *KEYS), brand=BRAND, frame=frame(room=views.Room.KEYS)),
    "console_keys_revoked": keys((KEYS[0], key("revoked", 200, until=Instant(NOW))), done=views.KeysDone.REVOKED),
    "console_keys_again": keys(KEYS, algorithm="ES256", done=views.KeysDone.AGAIN),
    "console_keys_wrong": keys(KEYS, problem="4 keys are published.", status=400),
    "console_outbox": outbox(next_url="/admin/breeze-test/outbox?after=user_3"),
    "console_outbox_mails": outbox(
        (replace(WAITING[0], why="550 no such mailbox"),),
        mail_host="smtp.example",
        why="535 who are you",
        again=True,
    ),
    "console_outbox_none": outbox((), mail_host="smtp.example"),
    "console_outbox_nobody": outbox((), logs_in=False),
    "console_log": log(),
    "console_log_none": log(
        (), next_url=None, sought=views.Sought(act="client.created", day="2026-11-22", user="u", organisation="9")
    ),
    **{f"console_stopped_{one.key}": stopped(one) for one in views.Stop},
}
