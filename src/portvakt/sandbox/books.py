"""Made-up books: a company's sales invoices, the same ones for the same seed and organisation number."""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from portvakt.model.values import IssuerName, OrganisationNumber
    from portvakt.sandbox.seed import Seed

_ChoiceT = TypeVar("_ChoiceT", int, str)

FIRST_NUMBER: Final = 1001
FEWEST: Final = 200
_SPREAD = 200  # so up to 399 invoices
_LAST_DAY = date(2026, 10, 30)
_PAID_AFTER = timedelta(days=45)

_ID_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH = 6
_IDS = len(_ID_ALPHABET) ** _ID_LENGTH
_STRIDE = 35_104_476_161  # has no factor in common with _IDS: no two numbers of a company get one id

# Whatever these words are put together to, it is no company's name: they say that it was made up.
_WHICH = ("Innbilt", "Tenkt", "Liksom", "Påstått", "Utopisk", "Drømt", "Oppdiktet", "Fabel")
_WHAT = ("Rør", "Elektro", "Blomster", "Frakt", "Sykkel", "Hytteutleie", "Optikk", "Maling")
_FORM = ("AS", "AS", "AS", "SA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A sales invoice. `amount` is in hundredths of the currency's unit."""

    id: str
    number: int
    day: date
    customer_name: str
    amount: int
    currency: str
    is_paid: bool

    @property
    def place(self) -> int:
        """Where it stands among the company's others."""
        return self.number


def invoices_of(seed: Seed, issuer: IssuerName, organisation: OrganisationNumber) -> tuple[Invoice, ...]:
    """Return the invoices of a company, newest first: a few hundred, whatever number it has."""
    drawn = _Drawn(seed.octets(issuer, "books", organisation))
    count, first_id = FEWEST + drawn.below(_SPREAD), drawn.below(_IDS)
    found = []
    day = _LAST_DAY
    for number in range(FIRST_NUMBER + count - 1, FIRST_NUMBER - 1, -1):
        draw = _Drawn(seed.octets(issuer, "books", organisation, str(number)))
        day -= timedelta(days=draw.below(4))
        invoice = Invoice(
            id=_id((first_id + number * _STRIDE) % _IDS),
            number=number,
            day=day,
            customer_name=f"{draw.one_of(_WHICH)} {draw.one_of(_WHAT)} {draw.one_of(_FORM)}",
            amount=100 * (250 + draw.below(40_000)) + draw.one_of((0, 0, 50, 75)),
            currency="NOK" if draw.below(16) else "EUR",
            is_paid=bool(draw.below(40) if _LAST_DAY - day > _PAID_AFTER else draw.below(2)),
        )
        found.append(invoice)
    return tuple(found)


class _Drawn:
    """Numbers drawn from 32 bytes, one after the other: the same on every version of Python."""

    def __init__(self, octets: bytes) -> None:
        self._left = int.from_bytes(octets, "big")

    def below(self, end: int) -> int:
        self._left, number = divmod(self._left, end)
        return number

    def one_of(self, choices: tuple[_ChoiceT, ...]) -> _ChoiceT:
        return choices[self.below(len(choices))]


def _id(number: int) -> str:
    characters = ""
    for _ in range(_ID_LENGTH):
        number, index = divmod(number, len(_ID_ALPHABET))
        characters += _ID_ALPHABET[index]
    return characters
