"""The line of every key, wherever TOML lets it stand."""

from __future__ import annotations

import pytest

from portvakt.providers.toml_text import NotToml, read_toml

LINES = {
    "a plain key": ("\n# a = 1\na = 1", {("a",): 3}),
    "a dotted key": ("a . b.c = 1", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1}),
    "a key of digits": ("3.14 = 1", {("3",): 1, ("3", "14"): 1}),
    "a table": ("\n[a . b]\nc = 1", {("a",): 2, ("a", "b"): 2, ("a", "b", "c"): 3}),
    "a table after its dotted key": ("a.x = 1\n[b]\n[a.c]", {("a",): 1, ("a", "x"): 1, ("b",): 2, ("a", "c"): 3}),
    "tables in a list, the first of them": ("[[a]]\nb=1\n[[a]]\nb=2\nc=3", {("a",): 1, ("a", "b"): 2, ("a", "c"): 5}),
    "an inline table": ("\na = { b = 1, c.d = 2 }", {("a",): 2, ("a", "b"): 2, ("a", "c"): 2, ("a", "c", "d"): 2}),
    "inline tables in a list of several lines": (
        "a = [\n {b = [1, 2], c = 3}, # {x = 1}\n {d = '='}\n]\ne = 1",
        {("a",): 1, ("a", "b"): 2, ("a", "c"): 2, ("a", "d"): 3, ("e",): 5},
    ),
    "quoted keys": ('"a.b" = 1\n\'c\' = 2\n"\\u0064" = 3\n"" = 4', {("a.b",): 1, ("c",): 2, ("d",): 3, ("",): 4}),
    "a quoted table": ("[ \"a\" . 'b=c' ]\nd = 1", {("a",): 1, ("a", "b=c"): 1, ("a", "b=c", "d"): 2}),
    "what looks like keys in a text": (
        'a = """\nb = 1\n[c]\n\\"""\n""""\nd = \'\'\'\ne = "\n\'\'\'\nf = "g = 1 #"',
        {("a",): 1, ("d",): 6, ("f",): 9},
    ),
    "marks in a comment": ("a = 1 # \"\"\" [b]\nc = 'x' # '''\nd = 2", {("a",): 1, ("c",): 2, ("d",): 3}),
    "other line ends": ("a = 1\r\n[b]\r\nc = [\r\n1]\r\nd = 1", {("a",): 1, ("b",): 2, ("b", "c"): 3, ("b", "d"): 5}),
    "values of all kinds": ("a = -1.5e+3\nb = 1979-05-27T07:32:00Z\nc = true", {("a",): 1, ("b",): 2, ("c",): 3}),
}


@pytest.mark.parametrize(("text", "lines"), LINES.values(), ids=LINES.keys())
def test_the_first_line_of_every_key_is_known(text: str, lines: dict[tuple[str, ...], int]) -> None:
    _, found = read_toml(text.encode())

    assert found == lines


def test_what_lies_deep_has_the_line_of_what_is_around_it() -> None:
    _, found = read_toml(b"[a.b.c.d]\n" + b"e = {" * 9 + b"f=1" + b"}" * 9)
    _, dotted = read_toml((".".join("a" * 300) + "={b=1}").encode())

    assert max(map(len, found)) == max(map(len, dotted)) == 8


WRONG = {
    b"a = 1\nb = \xff": ("is not UTF-8", 2),
    b"a = 1\na = 2\n": ("is not valid TOML: Cannot overwrite a value (column 6)", 2),
    b'a = "x': ("is not valid TOML: Unterminated string (at the end of the file)", None),
    b"a = " + b"[" * 5000: ("is not TOML that can be read: nested too deeply, or a number too long", None),
    b"a = " + b"1" * 5000: ("is not TOML that can be read: nested too deeply, or a number too long", None),
}


@pytest.mark.parametrize(("content", "said"), WRONG.items(), ids=range(len(WRONG)))
def test_what_is_no_toml_is_refused_with_the_parsers_line(content: bytes, said: tuple[str, int | None]) -> None:
    with pytest.raises(NotToml) as refused:
        read_toml(content)

    assert (refused.value.text, refused.value.line) == said
