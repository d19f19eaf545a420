"""An issuer names its company's own provider by file; what is wrong with that is told with the rest, once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provider_toml import MINIMAL
from settings_files import loaded, told

if TYPE_CHECKING:
    from pathlib import Path

ISSUER = '[issuers.acme]\nprovider = "acme.toml"\n'
SECRET = "pvk_cs_SECRETsecret0123456789abcdefghij"


def test_an_issuer_has_the_provider_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(MINIMAL + 'token_quota = "5/hour"\nalgorithms = ["ES256"]\napi_path = "/v3"')

    (issuer,) = loaded(tmp_path, ISSUER).issuers

    assert (issuer.provider.name, issuer.algorithm) == ("acme", "ES256")
    assert issuer.token_quota is not None
    assert issuer.token_quota.limit == 5
    assert issuer.api_url == issuer.url + "/v3"


def test_a_file_is_found_from_the_folder_of_the_settings_or_by_its_whole_path(tmp_path: Path) -> None:
    (tmp_path / "providers").mkdir()
    (tmp_path / "providers" / "acme.toml").write_text(MINIMAL)
    text = '[issuers.a]\nprovider = "providers/acme.toml"\n[issuers.b]\nprovider = "{}/providers/acme.toml"\n'

    first, second = loaded(tmp_path, text.format(tmp_path)).issuers

    assert first.provider == second.provider


def test_FT28_what_is_wrong_with_a_providers_file_is_told_by_its_line_with_the_rest_and_once(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(MINIMAL + "\nlifetim = 1\nrefresh = 1\n")
    text = f'{ISSUER}lifetime = 0\n[issuers.other]\nprovider = "acme.toml"\ncolour = "red"\n'

    assert told(tmp_path, text) == [
        "acme.toml:4: lifetim: unknown key; did you mean lifetime?",
        'acme.toml:5: refresh: must be "none" or "rotating" or "static"',
        "portvakt.toml:3: issuers.acme.lifetime: must be a whole number from 1 to 86400 (seconds)",
        'portvakt.toml:6: issuers.other.colour: must be a colour such as "#1d4f7c"',
    ]


def test_FT28_a_file_that_cannot_be_read_is_told_where_it_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "large.toml").write_text("#" * (64 * 1024 + 1))
    named = {
        "no.toml": "the file that it names cannot be read: No such file or directory",
        ".toml": "the file that it names cannot be read: No such file or directory",
        "pipe.toml": "what it names is not a file",
        "/.toml/x.toml": "the file that it names cannot be read: No such file or directory",
        "large.toml": "the file that it names is larger than 64 KiB",
    }

    for name, text in named.items():
        assert told(tmp_path, f'[issuers.acme]\nprovider = "{name}"') == [
            f"portvakt.toml:2: issuers.acme.provider: {text}"
        ]


def test_FT28_a_secret_in_a_providers_file_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(f'{MINIMAL}{SECRET} = 1\nrefresh = "{SECRET}"\n[api]\n"{SECRET}\\n" = "x"')

    lines = told(tmp_path, ISSUER)

    assert len(lines) == 3
    assert SECRET not in "\n".join(lines)


def test_FT28_what_is_no_toml_is_told_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_bytes(MINIMAL.encode() + b"x = '\xff'")

    assert told(tmp_path, ISSUER) == ["acme.toml:3: is not UTF-8"]


def test_an_own_providers_endpoint_is_no_other_issuers_place(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(MINIMAL + 'token_paths = ["/x/token"]')
    text = (
        '[issuers.acme]\nprovider = "acme.toml"\nurl = "https://a.example"\n'
        '[issuers.b]\nprovider = "breeze"\nurl = "https://a.example/x"\n'
    )

    assert "portvakt.toml:6: issuers.b.url: and issuers.acme both answer at /x/token" in told(tmp_path, text)
