"""An installation with an operator and an issuer that plays Breeze's test environment, as a browser meets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from shell import Shell

OPERATOR, PASSWORD = "boss@example.com", "a pass phrase of the boss"
USER = "integration@example.com"
SETTINGS = """\
port = {port}
database = "sqlite:///portvakt.db"
secret_file = "portvakt.secret"

[issuers.breeze-test]
provider = "breeze"
url = "http://127.0.0.1:{port}/breeze-test"
api_url = "http://127.0.0.1:{port}/breeze-test"
test = true

[issuers.breeze-production]
provider = "breeze"
url = "http://127.0.0.1:{port}/breeze-production"
api_url = "http://127.0.0.1:{port}/breeze-production"
"""


@dataclass(frozen=True)
class Running:
    """A server at `url`, and the folder of its installation."""

    shell: Shell
    url: str

    def get(self, page: Page, path: str) -> None:
        page.goto(self.url + path)

    def log_in(self, page: Page, email: str = OPERATOR, password: str = PASSWORD) -> None:
        """Fill in the log-in page that is shown."""
        page.fill("#email", email)
        page.fill("#password", password)
        page.click("button.primary")
