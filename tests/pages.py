"""Pages of documentation as their readers use them: samples that run, commands and files that exist."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from programs import portvakt

ROOT = Path(__file__).parent.parent
THE_SANDBOX = "http://127.0.0.1:8040"


@dataclass(frozen=True)
class Page:
    """A page of Markdown in this checkout, by its name there."""

    name: str

    @property
    def text(self) -> str:
        return (ROOT / self.name).read_text(encoding="utf-8")

    def blocks(self, language: str) -> list[str]:
        """Return the blocks of code in a language."""
        return re.findall(rf"^```{language}\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)

    def block(self, language: str, holds: str) -> str:
        """Return the one block in a language that holds a text."""
        (found,) = (block for block in self.blocks(language) if holds in block)
        return found

    def commands(self, beginning: str) -> list[list[str]]:
        """Return the commands of all shell blocks that begin so, as lists of words, comments and pipes left out."""
        lines = "\n".join(self.blocks("sh")).splitlines()
        found = [shlex.split(line, comments=True) for line in lines if line.startswith(beginning)]
        return [words[: words.index("|")] if "|" in words else words for words in found]

    def unknown_commands(self, cwd: Path) -> list[list[str]]:
        """Return the commands of portvakt's that do not exist, or not with these options."""
        unknown = []
        for words in self.commands("portvakt "):
            verbs = [word for word in words[1:3] if not word.startswith(("-", "+"))]
            done = portvakt(*verbs, "--help", cwd=cwd)
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            if done.code or not all(option in done.out for option in options):
                unknown.append(words)
        return unknown

    def dead_links(self) -> list[str]:
        """Return the links that lead to no file of the checkout."""
        links = re.findall(r"\]\((?!https?://)([^)#]+)[^)]*\)", self.text)
        return [link for link in links if not ((ROOT / self.name).parent / link).exists()]


def at(sample: str, told: dict[str, Any]) -> str:
    """Return a sample with a running sandbox in the place of the providers and the sandbox that it names.

    `told` is what the sandbox's first line said.
    """
    base = told["base_url"]
    breeze = f"{base}/breeze-test"
    swapped = {
        THE_SANDBOX: base,
        "https://system.upnxt.no": breeze,
        'environment="test"': f'base_url="{breeze}"',
        'environment="production"': f'base_url="{base}/luca-test"',
        "--environment test": f"--base-url {breeze}",
    }
    for written, meant in swapped.items():
        sample = sample.replace(written, meant)
    return sample
