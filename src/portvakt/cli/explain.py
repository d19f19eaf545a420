"""`portvakt explain`: why a request was refused, by its reference; or what was refused of one client."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from portvakt.cli.administering import administer
from portvakt.cli.options import Config, Data, IssuerName, Json, installation, load_settings
from portvakt.cli.outcome import Exit, Stop, say, say_json
from portvakt.cli.paging import Limit, page_size, say_lines

if TYPE_CHECKING:
    from portvakt.model.audit import RefusedRequest
    from portvakt.server.administering_refusals import Explained
    from portvakt.server.administration import Administration

Reference = Annotated[
    str | None,
    typer.Argument(metavar="REFERENCE", help="What Portvakt-Reference said in the reply, or the error page."),
]
Client = Annotated[str | None, typer.Option("--client", metavar="ID", help="List what was refused of this client.")]
Before = Annotated[str | None, typer.Option(metavar="NUMBER", help="With --client: go on behind this one.")]


def explain(
    reference: Reference = None,
    *,
    client: Client = None,
    issuer: IssuerName = None,
    before: Before = None,
    limit: Limit = "100",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say why a request was refused, by which rule, what to do, and how it would be right."""
    if (reference is None) is (client is None):
        raise Stop(Exit.USAGE, "give the reference of a refusal, or --client ID")
    if client is not None:
        _list(client, issuer, before, page_size(limit), config, data, as_json=as_json)
        return
    name = issuer if issuer is not None else load_settings(config, data).every_issuer[0].name
    there = installation(config, data, name)
    others = there.settings.every_issuer if issuer is None else ()

    async def ask(administration: "Administration") -> "Explained":
        return await administration.refusals(there.issuer, others=others).explain(reference or "")

    _say(administer(there, ask), as_json=as_json)


def _list(
    client: str,
    issuer: str | None,
    before: str | None,
    limit: int,
    config: str | None,
    data: str | None,
    *,
    as_json: bool,
) -> None:
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) <= len(str(2**62))):
        raise Stop(Exit.USAGE, "--before must be the number of a refusal")
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "tuple[int | None, list[RefusedRequest]]":
        past = None if before is None else int(before)
        return await administration.refusals(there.issuer).page(client, before=past, limit=limit)

    following, page = administer(there, ask)
    described = [_described(refused) for refused in page]
    names = ("reference", "at", "status", "code", "near", "reason", "address")
    columns = dict(zip(("REFERENCE", "AT", "STATUS", "CODE", "NEARLY", "REASON", "FROM"), names, strict=True))
    say_lines("refusals", described, following, columns, as_json=as_json, option="--before")


def _say(explained: "Explained", *, as_json: bool) -> None:
    refused, explanation = explained.refused, explained.explanation
    described = _described(refused)
    if as_json:
        said = {name: getattr(explanation, name) for name in ("cause", "rule", "what_to_do", "curl")}
        say_json({**described, **said})
        return
    about = f"{refused.method} {refused.path} at {refused.issuer}, {described['at']}, from {refused.address}"
    say(about)
    say(f"answered    {refused.status} {refused.code}")
    say(f"client      {refused.client_id or 'not known'}")
    say(f"cause       {explanation.cause}")
    say(f"rule        {explanation.rule}")
    say(f"what to do  {explanation.what_to_do}")
    if explanation.curl:
        say()
        say(explanation.curl)


def _described(refused: "RefusedRequest") -> dict[str, Any]:
    from portvakt.server.administering_refusals import described

    return described(refused)
