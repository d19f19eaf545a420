"""A mail host on loopback that keeps what it is given, and refuses whom a test says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from email.message import EmailMessage


@dataclass
class MailHost:
    """Speaks as much of SMTP (RFC 5321) as a sender needs. `tls`: what STARTTLS begins with, if it is offered."""

    tls: ssl.SSLContext | None = None
    refuses: str = ""
    port: int = 0
    kept: list[EmailMessage] = field(default_factory=list)
    logged_in: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure = False
        writer.write(b"220 mail.example ESMTP\r\n")
        while line := (await reader.readline()).rstrip(b"\r\n"):
            verb = line[:4].upper()
            if verb == b"EHLO":
                offered = [b"250-mail.example", b"250-8BITMIME", b"250-AUTH PLAIN"]
                offered += [b"250-STARTTLS"] if self.tls is not None and not secure else []
                writer.write(b"\r\n".join([*offered, b"250 HELP", b""]))
            elif verb == b"STAR" and self.tls is not None:
                writer.write(b"220 go on\r\n")
                await writer.start_tls(self.tls)
                secure = True
            elif verb == b"AUTH":
                self.logged_in.append(base64.b64decode(line.split()[-1]).decode().replace("\0", " ").strip())
                writer.write(b"235 welcome\r\n")
            elif verb == b"RCPT" and self.refuses and self.refuses.encode() in line:
                writer.write(b"550 no such mailbox\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                self.kept.append(await self._letter(reader))
                self.encrypted.append(secure)
                writer.write(b"250 kept\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 fine\r\n")

    async def _letter(self, reader: asyncio.StreamReader) -> EmailMessage:
        text = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
        return message_from_bytes(text, policy=policy.default)


@contextlib.asynccontextmanager
async def mail_host(tls: ssl.SSLContext | None = None) -> AsyncIterator[MailHost]:
    """Run a mail host for the time of a `with`."""
    host = MailHost(tls)
    server = await asyncio.start_server(host.talk, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    async with server:
        yield host
