"""Luca's GraphQL API, as far as its documents show it: a company's sales invoices, and the company itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ariadne import ObjectType, QueryType, make_executable_schema

from portvakt.sandbox.graphql import FORBIDDEN, Introspection, Problem, graphql_view
from portvakt.sandbox.paging import Cursors, page_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from graphql import GraphQLResolveInfo, GraphQLSchema

    from portvakt.model.values import OrganisationNumber
    from portvakt.protocol.admit.verified import Verified
    from portvakt.sandbox.asgi import App, Guarded, Receive, Scope, Send
    from portvakt.sandbox.books import Invoice
    from portvakt.sandbox.paging import Page

SCOPE: Final = "accounting"

_COMPANY = "portvakt.sandbox.company"  # where the view finds it in the ASGI scope

# The root's fields are never null, so that one that fails leaves no data at all.
_SCHEMA = """
type Query {
  "Newest first. 100 of them unless fewer are asked for, by `first` or by `last`."
  saleInvoices(first: Int, last: Int, before: String, after: String): SaleInvoiceConnection!
  "The company that the access token is for."
  companies(first: Int, last: Int, before: String, after: String): CompanyConnection!
}

type SaleInvoiceConnection {
  nodes: [SaleInvoice!]!
  edges: [SaleInvoiceEdge!]!
  pageInfo: PageInfo!
}

type SaleInvoiceEdge {
  cursor: String!
  node: SaleInvoice!
}

type SaleInvoice {
  id: ID!
  invoiceNumber: Int!
  "As in 2026-10-30."
  date: String!
  customerName: String!
  "With a point and two decimals."
  amount: String!
  "A code of ISO 4217."
  currency: String!
  paid: Boolean!
}

type CompanyConnection {
  nodes: [Company!]!
  edges: [CompanyEdge!]!
  pageInfo: PageInfo!
}

type CompanyEdge {
  cursor: String!
  node: Company!
}

type Company {
  id: ID!
  name: String!
  organisationNumber: String!
}

type PageInfo {
  hasPreviousPage: Boolean!
  hasNextPage: Boolean!
  startCursor: String
  endCursor: String
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company and its books, newest invoice first."""

    organisation_number: OrganisationNumber
    name: str
    invoices: Sequence[Invoice] = field(repr=False)

    @property
    def id(self) -> str:
        """The company's id in the API."""
        return f"company_{self.organisation_number}"

    @property
    def place(self) -> int:
        """Where it stands in the list of a token's companies, which holds no other."""
        return 0


def luca_api(
    company_of: Callable[[Verified], Awaitable[Company | None]],
    log: Callable[[BaseException], None],
    guarded: Guarded,
    *,
    cursor_key: bytes,
    introspection: Introspection = Introspection.REFUSED,
) -> App:
    """Return the API behind a guard, for tokens with the scope `accounting`. Any method but POST is 405.

    `company_of` says whose data a token opens: None is `FORBIDDEN`, and so is a token for no company, about which it
    is not asked. `cursor_key` makes cursors that hold for one company; `log` gets the cause of a fault.
    """
    view = graphql_view(_schema(cursor_key), _company_in, log, introspection=introspection)

    async def with_company(scope: Scope, receive: Receive, send: Send) -> None:
        verified: Verified = scope["portvakt"]
        scope[_COMPANY] = await company_of(verified) if verified.organisation_number else None
        await view(scope, receive, send)

    behind_guard = guarded(with_company, scopes=frozenset({SCOPE}))

    async def api(scope: Scope, receive: Receive, send: Send) -> None:
        app = behind_guard if scope["method"] == "POST" else view  # which looks at the method before the caller
        await app(scope, receive, send)

    return api


def _company_in(scope: Scope) -> Company | None:
    company: Company | None = scope[_COMPANY]
    return company


def _schema(cursor_key: bytes) -> GraphQLSchema:
    query = QueryType()
    invoice = ObjectType("SaleInvoice")

    @query.field("saleInvoices")
    def sale_invoices(_root: None, info: GraphQLResolveInfo[Company | None], **asked: Any) -> Page[Invoice]:
        company = _granted(info)
        return page_of(company.invoices, _cursors(company, "saleInvoices"), **asked)

    @query.field("companies")
    def companies(_root: None, info: GraphQLResolveInfo[Company | None], **asked: Any) -> Page[Company]:
        company = _granted(info)
        return page_of([company], _cursors(company, "companies"), **asked)

    def _cursors(company: Company, what: str) -> Cursors:
        return Cursors(cursor_key, f"{what} of {company.organisation_number}")

    @invoice.field("date")
    def day(shown: Invoice, _info: object) -> str:
        return shown.day.isoformat()

    @invoice.field("amount")
    def amount(shown: Invoice, _info: object) -> str:
        return f"{shown.amount // 100}.{shown.amount % 100:02}"

    invoice.set_alias("invoiceNumber", "number")
    invoice.set_alias("paid", "is_paid")
    return make_executable_schema(_SCHEMA, query, invoice, convert_names_case=True)


def _granted(info: GraphQLResolveInfo[Company | None]) -> Company:
    if info.context is None:
        raise Problem("The access token opens no company's data.", FORBIDDEN)
    return info.context
