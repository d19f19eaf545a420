"""What explanations of refusals are made of, in whatever language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Say:
    """Texts with places for what is known of the refusal. `cause` "": the decision's reason as it is, in English."""

    cause: str
    rule: str
    what_to_do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanations:
    """What is said in one language.

    `near`: of a near miss. `reasons`: of a reason that is none; the reasons are the decisions' own. `codes`: where
    nothing more is known than the code, and `otherwise` where not even that. `either`: stands between the last two of
    several; `none` for a list of nothing, `not_known` for what is not known. `bodies`: by media type. `differing`: in
    what two URIs differ, by how `near` says it; what is not there is said as it is.
    """

    near: Mapping[str, Say]
    reasons: Mapping[str, Say]
    codes: Mapping[str, Say]
    otherwise: Say
    either: str
    none: str
    not_known: str
    bodies: Mapping[str, str]
    differing: Mapping[str, str]
