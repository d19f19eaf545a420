"""A company's own provider at the command line: checked, administered and played from its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provider_toml import MINIMAL

if TYPE_CHECKING:
    from shell import Shell


def test_check_config_and_serve_tell_what_is_wrong_with_the_file_by_line(installed: Shell) -> None:
    (installed.folder / "acme.toml").write_text(MINIMAL + "lifetim = 1\nconsent = 'never'\n")
    with (installed.folder / "portvakt.toml").open("a") as settings:
        settings.write('[issuers.acme]\nprovider = "acme.toml"\n')
    lines = [
        "portvakt: acme.toml:3: lifetim: unknown key; did you mean lifetime?",
        'portvakt: acme.toml:4: consent: must be "every time" or "remembered"',
    ]

    for command in (["check-config"], ["serve"], ["client", "list", "--issuer", "acme"], ["sandbox", "./acme.toml"]):
        assert installed.run(*command, code=3).stderr.splitlines() == lines


def test_check_config_shows_the_issuer_of_a_file_that_is_right(installed: Shell) -> None:
    (installed.folder / "acme.toml").write_text(MINIMAL + "token_paths = ['/id/token']")
    with (installed.folder / "portvakt.toml").open("a") as settings:
        settings.write('[issuers.acme]\nprovider = "acme.toml"\n')

    shown = installed.json("check-config")["issuers"]["acme"]
    client = installed.json("client", "create", "--issuer", "acme", "--name", "x")

    assert shown["provider"] == "acme"
    assert shown["token_endpoint"].endswith("/acme/id/token")
    assert client["client_id"].startswith("client_")


WRONG = {
    ("./none.toml",): "the argument none.toml: the file that it names cannot be read: No such file or directory",
    (".",): "'.' cannot be played; there are breeze, luca, prisjakt, standard",
    ("folder.toml",): "the argument folder.toml: what it names is not a file",
    ("taken.toml",): "taken.toml: breeze-test is an issuer of the sandbox's own; choose another name",
    ("one.toml", "two.toml"): "two of the files describe acme; give one of them another name",
}


@pytest.mark.parametrize(("files", "text"), WRONG.items(), ids=" ".join)
def test_a_sandbox_says_why_it_cannot_play_a_file(shell: Shell, files: tuple[str, ...], text: str) -> None:
    (shell.folder / "folder.toml").mkdir()
    (shell.folder / "taken.toml").write_text(MINIMAL.replace('"acme"', '"breeze-test"'))
    (shell.folder / "one.toml").write_text(MINIMAL)
    (shell.folder / "two.toml").write_text(MINIMAL + "lifetime = 5")

    assert text in shell.complaint("sandbox", *files, code=2)
