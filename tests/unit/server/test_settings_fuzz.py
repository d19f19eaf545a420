"""FT28: whatever stands in a portvakt.toml, `load` returns settings or raises SettingsRefused."""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from portvakt.server.settings import SettingsRefused, load

SECRET = secrets.token_urlsafe(32)
NAMES = (
    *("issuers", "a", "b", "portvakt", "provider", "url", "api_url", "algorithm", "lifetime", "quotas", "token", "api"),
    *("host", "port", "database", "database_file", "secret", "secret_file", "trusted_proxies", "log_level"),
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["breeze", "standard", "luca", "RS256", "off", "1/s", "9/hour", "https://a.example", "https://a.example/token"]
    ),
)

keys = st.one_of(st.sampled_from(NAMES), st.text(max_size=5)).map(lambda name: json.dumps(name, ensure_ascii=False))
values = st.recursive(
    st.one_of(
        st.integers().map(str),
        st.floats().map(repr),
        st.booleans().map(lambda value: str(value).lower()),
        TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
        st.just("1979-05-27T07:32:00Z"),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(keys, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=5,
)
lines = st.one_of(
    st.tuples(keys, values).map(" = ".join),
    st.lists(keys, min_size=1, max_size=3).map(lambda parts: f"[{'.'.join(parts)}]"),
    st.text(max_size=30),
)
documents = st.lists(lines, max_size=8).map("\n".join)


@given(documents)
def test_FT28_any_document_gives_settings_or_their_refusal(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "portvakt.toml"
        path.write_bytes(text.encode(errors="surrogatepass"))

        with contextlib.suppress(SettingsRefused):
            load({}, {"PORTVAKT_SECRET": SECRET}, path)


@given(st.dictionaries(st.sampled_from(NAMES).map(lambda name: "PORTVAKT_" + name.upper()), TEXTS, max_size=4))
def test_FT28_any_variables_give_settings_or_their_refusal(environ: dict[str, str]) -> None:
    with contextlib.suppress(SettingsRefused):
        load({}, environ, None)
