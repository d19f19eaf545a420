from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from portvakt.model.values import IssuerName, OrganisationNumber
from portvakt.sandbox.books import FIRST_NUMBER, Invoice, invoices_of
from portvakt.sandbox.seed import Seed

LUCA = IssuerName("luca-test")
NUMBER = OrganisationNumber("310000019")


def books(seed: str = "spring", issuer: str = LUCA, number: str = NUMBER) -> tuple[Invoice, ...]:
    return invoices_of(Seed(seed), IssuerName(issuer), OrganisationNumber(number))


def test_the_same_seed_makes_the_same_books() -> None:
    assert books() == books()


def test_another_seed_issuer_or_company_makes_other_books() -> None:
    several = [books(), books(seed="autumn"), books(issuer="standard"), books(number="310000027")]

    ids = [{invoice.id for invoice in one} for one in several]
    assert not any(ids[at] & other for at in range(4) for other in ids[at + 1 :])


@pytest.mark.parametrize("number", ["310000019", "310000027", "1", "999999999", "SE556"])
def test_any_company_has_a_few_hundred_invoices_newest_first(number: str) -> None:
    found = books(number=number)

    assert 200 <= len(found) < 400
    assert [invoice.number for invoice in found] == list(range(FIRST_NUMBER + len(found) - 1, FIRST_NUMBER - 1, -1))
    assert len({invoice.id for invoice in found}) == len(found)
    assert all(re.fullmatch("[0-9A-Za-z]{6}", invoice.id) for invoice in found)
    days = [invoice.day for invoice in found]
    assert days == sorted(days, reverse=True)


def test_the_books_are_plausible() -> None:
    found = books()

    assert {invoice.currency for invoice in found} == {"NOK", "EUR"}
    assert all(0 < invoice.amount < 10_000_000 for invoice in found)
    old = [invoice.is_paid for invoice in found if found[0].day - invoice.day > timedelta(days=60)]
    new = [invoice.is_paid for invoice in found if found[0].day - invoice.day < timedelta(days=30)]
    assert sum(old) > 0.9 * len(old)
    assert True in new
    assert False in new


def test_the_same_books_on_every_version_of_python() -> None:
    found = books()

    assert len(found) == 398
    assert found[-1] == Invoice(
        id="tejYNV",
        number=1001,
        day=date(2025, 2, 24),
        customer_name="Påstått Rør SA",
        amount=368_900,
        currency="NOK",
        is_paid=True,
    )
