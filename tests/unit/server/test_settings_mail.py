"""The table `[mail]` of portvakt.toml: what it may say, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from portvakt.model.values import Secret
from portvakt.server.settings_mail import Mail, Tls
from settings_files import loaded, told

if TYPE_CHECKING:
    from pathlib import Path

WHO = '[mail]\nhost = "mail.example.com"\nfrom = "portvakt@example.com"\n'


def test_without_the_table_there_is_no_mail(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").mail is None


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465)])
def test_a_host_and_a_sender_are_enough(tmp_path: Path, tls: str, port: int) -> None:
    mail = loaded(tmp_path, WHO + ("" if tls == "starttls" else f'tls = "{tls}"\n')).mail

    assert mail == Mail(host="mail.example.com", port=port, sender="portvakt@example.com", tls=Tls(tls))


def test_a_log_in_has_its_password_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mail-password").write_text("the-password\n")
    (tmp_path / "mail-password").chmod(0o600)

    mail = loaded(tmp_path, WHO + 'port = 2525\nusername = "us"\npassword_file = "mail-password"').mail

    assert mail is not None
    assert (mail.port, mail.username, mail.password) == (2525, "us", Secret("the-password"))
    assert "the-password" not in repr(mail)


def test_a_host_on_this_machine_needs_no_encryption(tmp_path: Path) -> None:
    mail = loaded(tmp_path, '[mail]\nhost = "localhost"\nfrom = "a@example.com"\ntls = "none"').mail

    assert mail is not None
    assert (mail.tls, mail.port) == (Tls.NONE, 25)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mail = 1", "portvakt.toml:1: mail: must be a table: [mail]"),
        ("[mail]\n", "portvakt.toml:1: mail: has no host"),
        (WHO + 'hots = "x"', "portvakt.toml:4: mail.hots: unknown key; did you mean host?"),
        (WHO + 'password = "x"', "portvakt.toml:4: mail.password: unknown key; did you mean password_file?"),
        (WHO + 'port = "x"', "portvakt.toml:4: mail.port: must be a whole number"),
        (WHO + 'tls = "no"', "portvakt.toml:4: mail.tls: must be one of starttls, tls, none"),
        (WHO + 'tls = "none"', "portvakt.toml:4: mail.tls: none is for a mail host on this machine alone"),
        (WHO + 'username = "x"', "portvakt.toml:1: mail: has one of username and password_file"),
        (WHO + 'username = "x"\npassword_file = "y"', "portvakt.toml:5: mail.password_file: the file that it names"),
        ('[mail]\nhost = "x"\nfrom = "a\\nb@c"', "portvakt.toml:3: mail.from: holds a line break"),
        ('[mail]\nhost = "x"\nfrom = "kåre@example.com"', "portvakt.toml:3: mail.from: must be an email address"),
        ('[mail]\nhost = "x:25"\nfrom = "a@b.c"', "portvakt.toml:2: mail.host: must be an IP address or a host"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(tmp_path: Path, text: str, says: str) -> None:
    assert any(line.startswith(says) for line in told(tmp_path, text)), told(tmp_path, text)
