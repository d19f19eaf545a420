"""./dev: what it promises to somebody who has Python, git and a shell and nothing else."""

from __future__ import annotations

import ast
import fcntl
import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]
DEV = ROOT / "dev"


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """./dev as a module whose checkout is an empty folder with a lock, and which runs no command but notes it."""
    loader = importlib.machinery.SourceFileLoader("dev", str(DEV))
    spec = importlib.util.spec_from_loader("dev", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    (tmp_path / "requirements.lock").write_text(
        "uv==1.0 \\\n    --hash=sha256:00\nwide-name==2.0 ; x \\\n    --hash=sha256:01\n"
    )
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    for name, path in {"ROOT": "", "VENV": ".venv", "PYTHON": ".venv/bin/python", "STAMP": ".venv/dev-stamp"}.items():
        monkeypatch.setattr(module, name, tmp_path / path)
    monkeypatch.setattr(module, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(module, "PEERS", tmp_path / "peers")
    module.PEERS.mkdir()
    for name in ("package.json", "package-lock.json"):
        (module.PEERS / name).write_text("{}\n")
    monkeypatch.setattr(module, "ran", [], raising=False)
    monkeypatch.setattr(module, "quietly", lambda *command: note(module, command))
    return module


def note(dev: ModuleType, command: tuple[Any, ...]) -> str:
    """Stand in for running a command: note it, and for `python -m venv` make what starts, for npm its folder."""
    dev.ran.append(" ".join(map(str, command)))
    if command[1:3] == ("-m", "venv"):
        (dev.VENV / "bin").mkdir(parents=True)
        dev.PYTHON.symlink_to(sys.executable)
    if "ci" in command:
        (dev.PEERS / "node_modules").mkdir(exist_ok=True)
    return ""


def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DEV, *arguments], capture_output=True, text=True, check=False)


class TestTheFile:
    def test_it_imports_the_standard_library_alone(self) -> None:
        nodes = list(ast.walk(ast.parse(DEV.read_text(encoding="utf-8"))))

        plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
        named = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}

        assert {name.split(".")[0] for name in plain | named} <= sys.stdlib_module_names

    def test_an_older_python_is_told_so_in_one_line(self) -> None:
        text = DEV.read_text(encoding="utf-8")
        ast.parse(text, feature_version=(3, 6))
        older = f"import sys; sys.version_info = (3, 10, 13); exec(open({str(DEV)!r}).read())"

        done = subprocess.run([sys.executable, "-c", older], capture_output=True, text=True, check=False)

        assert done.returncode == 1
        assert done.stderr.startswith("portvakt needs Python 3.11 or newer")
        assert len(done.stderr.splitlines()) == 1

    @pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
    def test_help_names_every_verb(self, dev: ModuleType, arguments: tuple[str, ...]) -> None:
        done = ask(*arguments)

        assert done.returncode == 0
        assert [verb for verb in dev.VERBS if f"\n  {verb}" not in done.stdout] == []

    def test_an_unknown_verb_is_refused_with_the_list(self) -> None:
        done = ask("tset")

        assert done.returncode == 2
        assert "'tset'" in done.stderr
        assert "demo [--once]" in done.stderr

    def test_ci_calls_the_same_command(self) -> None:
        script = ROOT / ".ci" / "run"

        assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec ./dev test"
        assert os.access(script, os.X_OK)
        assert os.access(DEV, os.X_OK)


class TestSetup:
    def test_a_finished_environment_is_left_alone(self, dev: ModuleType) -> None:
        dev.setup()
        dev.ran.clear()

        dev.setup()

        assert dev.ran == []

    def test_a_run_that_was_killed_half_way_is_made_anew(self, dev: ModuleType) -> None:
        dev.VENV.mkdir()
        (dev.VENV / "half").write_text("")

        dev.setup()

        assert not (dev.VENV / "half").exists()
        assert any("-m venv" in command for command in dev.ran)
        assert dev.stamped() == dev.fingerprint()

    def test_the_stamp_is_away_while_packages_change(self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        dev.setup()
        dev.LOCK.write_text(dev.LOCK.read_text() + "new==1\n")
        seen = []
        monkeypatch.setattr(dev, "packages", lambda: seen.append(dev.stamped()))

        dev.setup()

        assert seen == [""]

    @pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
    def test_a_changed_file_refreshes_without_starting_over(self, dev: ModuleType, changed: str) -> None:
        dev.setup()
        dev.ran.clear()
        with (dev.ROOT / changed).open("a") as file:
            file.write("# new\n")

        dev.setup()

        assert any("--requirement" in command for command in dev.ran)
        assert not any("-m venv" in command for command in dev.ran)

    @pytest.mark.parametrize("changed", ["package.json", "package-lock.json"])
    def test_changed_peers_are_installed_anew_and_nothing_else_is(self, dev: ModuleType, changed: str) -> None:
        dev.setup()
        dev.ran.clear()
        with (dev.PEERS / changed).open("a") as file:
            file.write("\n")

        dev.setup()

        (command,) = dev.ran
        assert re.search(r"^\S+/\.venv/\S+/bin/node --use-system-ca \S+/npm-cli\.js ci .*--ignore-scripts", command)

    def test_peers_stay_as_they_are_when_only_packages_changed(self, dev: ModuleType) -> None:
        dev.setup()
        dev.LOCK.write_text(dev.LOCK.read_text() + "new==1\n")
        dev.ran.clear()

        dev.setup()

        assert dev.ran
        assert not any("npm" in command for command in dev.ran)

    def test_peers_that_were_removed_come_back(self, dev: ModuleType) -> None:
        dev.setup()
        shutil.rmtree(dev.PEERS / "node_modules")
        dev.ran.clear()

        dev.setup()

        assert len(dev.ran) == 1

    def test_npm_that_was_killed_half_way_is_run_again(self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        dev.setup()
        (dev.PEERS / "package-lock.json").write_text('{"other": 1}')

        def killed(*_: Any) -> str:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(dev, "quietly", killed)
            with pytest.raises(KeyboardInterrupt):
                dev.setup()
        (dev.PEERS / "package-lock.json").write_text("{}\n")  # the lock of the folder that npm had begun to empty
        dev.ran.clear()

        dev.setup()

        assert any("npm-cli.js ci" in command for command in dev.ran)

    def test_another_minor_version_of_python_starts_over(self, dev: ModuleType) -> None:
        dev.setup()
        dev.STAMP.write_text(dev.STAMP.read_text().replace(" python3.", " python4."))
        dev.ran.clear()

        dev.setup()

        assert any("-m venv" in command for command in dev.ran)

    def test_an_environment_whose_python_is_gone_starts_over(self, dev: ModuleType) -> None:
        dev.setup()
        dev.PYTHON.unlink()
        dev.PYTHON.symlink_to("/nowhere/python3")
        dev.ran.clear()

        dev.setup()

        assert any("-m venv" in command for command in dev.ran)

    def test_uv_that_reaches_no_index_gives_way_to_pip_with_the_same_lock(
        self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails_for_uv(*command: Any) -> str:
            if str(command[0]).endswith("bin/uv"):
                raise dev.Stop("no route")
            return note(dev, command)

        monkeypatch.setattr(dev, "quietly", fails_for_uv)

        dev.setup()

        assert any("-m pip install" in c and f"--require-hashes --requirement {dev.LOCK}" in c for c in dev.ran)

    def test_a_package_that_the_lock_does_not_list_is_removed(self, dev: ModuleType) -> None:
        dev.venv()
        site = dev.VENV / "lib/python3.11/site-packages"
        for name in ("wide_name", "stray"):
            (site / f"{name}-1.dist-info").mkdir(parents=True)
            (site / f"{name}-1.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")

        dev.packages()

        assert [command.split()[-1] for command in dev.ran if "uninstall" in command] == ["stray"]

    def test_a_second_setup_waits_for_the_first(self, dev: ModuleType) -> None:
        entered = threading.Event()

        def second() -> None:
            with dev.alone():
                entered.set()

        with (dev.ROOT / ".venv.lock").open("w") as first:
            fcntl.flock(first, fcntl.LOCK_EX)
            waiting = threading.Thread(target=second)
            waiting.start()
            assert not entered.wait(0.1)

        assert entered.wait(10)
        waiting.join()

    def test_root_gets_missing_programs_installed(self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None if name == "curl" else f"/usr/bin/{name}")
        monkeypatch.setattr(os, "geteuid", lambda: 0)

        dev.programs()

        assert dev.ran == ["apt-get install --yes --no-install-recommends curl"]

    def test_another_user_is_told_the_command(self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None if name == "curl" else f"/usr/bin/{name}")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)

        with pytest.raises(dev.Stop, match=r"sudo apt-get install curl"):
            dev.programs()
        assert dev.ran == []

    def test_a_browser_is_installed_where_there_is_none(self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
        monkeypatch.setattr(os, "geteuid", lambda: 0)

        dev.browser()

        assert dev.ran == ["apt-get install --yes --no-install-recommends chromium-headless-shell"]

    def test_any_chromium_will_do(self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name == "google-chrome" else None)

        dev.browser()

        assert dev.ran == []

    def test_without_a_browser_the_other_tests_still_run(
        self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)

        dev.browser()

        assert "sudo apt-get install chromium-headless-shell" in capsys.readouterr().out

    def test_a_python_without_ensurepip_asks_for_debians_package(
        self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")

        with pytest.raises(dev.Stop, match=rf"python3\.{sys.version_info[1]}-venv$"):
            dev.programs()


class TestTests:
    @pytest.mark.parametrize(
        ("arguments", "long", "rest"),
        [
            ((), False, []),
            (("--long",), True, []),
            (("-k", "clock"), False, ["-k", "clock"]),
            (("--", "--long"), False, ["--long"]),
            (("--long", "tests/unit"), True, ["-m", "", "tests/unit"]),
        ],
    )
    def test_what_is_not_ours_is_pytests(
        self, dev: ModuleType, arguments: tuple[str, ...], long: bool, rest: list[str]
    ) -> None:
        assert dev.split(arguments) == (long, rest)

    @pytest.mark.parametrize(("long", "soon"), [(False, "not long"), (True, "")])
    def test_every_test_is_run_once(
        self, dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool, soon: str
    ) -> None:
        ran: list[tuple[str, ...]] = []

        def run(*command: str, **_: str) -> int:
            ran.append(command)
            return 1 if len(ran) == 2 else 0

        monkeypatch.setattr(dev, "run", run)
        monkeypatch.setattr(dev, "ROOT", ROOT)

        assert dev.tests(tmp_path, long=long) == 1  # the second one's
        most, stored, others = ran

        ignored = [part.partition("=")[2] for part in most if part.startswith("--ignore=")]
        assert ignored == [part for part in others if part.startswith("tests/")]
        assert all((ROOT / path).exists() for path in ignored)
        tests_of_services = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "tests").rglob("*.py")
            if re.search(r"mark\.services\b", path.read_text(encoding="utf-8"))
        }
        places = [*ignored, *(part for part in stored if part.startswith("tests/"))]
        assert [path for path in tests_of_services if not path.startswith(tuple(places))] == []
        more = f" and {soon}" if soon else ""
        assert [one[-1] for one in ran] == [f"not services{more}", f"services{more}", soon]

    def test_one_failure_fails_the_whole_and_is_named(
        self, dev: ModuleType, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = dev.summary({"mypy": (1, 2.0), "pytest": (0, 3.0)})

        assert code == 1
        assert capsys.readouterr().out.endswith("Failed: mypy.\n")

    def test_a_check_that_stops_is_a_failed_check(self, dev: ModuleType) -> None:
        def stops() -> int:
            raise dev.Stop("no wheel")

        assert dev.step_by_step("wheel", stops)[0] == 1

    @pytest.mark.parametrize(
        ("room", "covered", "of", "enough"),
        [("jose", 999, 1000, False), ("jose", 1000, 1000, True), ("store", 899, 1000, False), ("store", 9, 10, True)],
    )
    def test_pure_rooms_are_covered_whole_and_others_to_nine_tenths(
        self, dev: ModuleType, room: str, covered: int, of: int, enough: bool
    ) -> None:
        assert dev.gate(room, covered, of) is enough

    @pytest.mark.parametrize(("ci", "required"), [("true", {"PORTVAKT_REQUIRE_SERVICES": "1"}), ("", {})])
    def test_ci_requires_the_services(
        self, dev: ModuleType, monkeypatch: pytest.MonkeyPatch, ci: str, required: dict[str, str]
    ) -> None:
        monkeypatch.setenv("CI", ci)

        assert dev.services() == required
