"""docs/security-cases.md and the tests that bear a case's id name each other, both ways."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "docs" / "security-cases.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ((?:FT|[A-Z])[0-9]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NOT_APPLICABLE = "not applicable: "


def rows() -> dict[str, str]:
    """Return what the page says of where each case is proven, by id."""
    found = ROW.findall(PAGE)
    assert len({case for case, *_ in found}) == len(found), "a case stands twice"
    return {case: where for case, _, where in found}


def files_by_case() -> dict[str, set[str]]:
    """Return the files of the tests that bear an id, by id."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for ids in re.findall(r"^(?:async )?def test_((?:(?:FT|[A-Z])[0-9]+_)+)", path.read_text(), re.MULTILINE):
            for case in ids.rstrip("_").split("_"):
                found.setdefault(case, set()).add(path.relative_to(TESTS).as_posix())
    return found


def test_every_case_that_is_said_to_be_proven_has_tests_where_the_page_says() -> None:
    tests = files_by_case()
    named = {case: set(re.findall("`([^`]+)`", where)) for case, where in rows().items() if not is_open(where)}

    assert len(named) > 100
    assert {
        case: files - tests.get(case, set()) for case, files in named.items() if files - tests.get(case, set())
    } == {}
    assert [case for case, files in named.items() if not files] == []


def test_every_test_that_bears_an_id_has_its_case_on_the_page() -> None:
    known = rows()

    assert sorted(case for case in files_by_case() if case not in known) == []


def test_a_case_that_is_not_applicable_says_why_and_has_no_test() -> None:
    tests = files_by_case()
    still_open = {case: where for case, where in rows().items() if is_open(where)}

    assert still_open
    assert [case for case in still_open if case in tests] == []
    assert all(len(where) > len(NOT_APPLICABLE) for where in still_open.values())


def is_open(where: str) -> bool:
    return where.startswith(NOT_APPLICABLE)
