"""What `ralph --help` and every command's own help say."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ralph.cli.main import COMMANDS, Part, cli
from ralph.cli.page import MANUAL, PAGE, manual, page, told

ROOT = Path(__file__).resolve().parents[2]

BUILT = [name for name, entry in COMMANDS.items() if importlib.util.find_spec(entry.module)]


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _commands(below, (*path, name))


@pytest.mark.parametrize("name", BUILT)
def test_the_help_of_every_command_has_an_example(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for path, found in _commands(command, (name,)):
        assert f"ralph {path}" in (found.epilog or ""), path


@pytest.mark.parametrize(("words", "meant"), [("statsu", "status"), ("comp", "completion"), ("prd lnt", "lint")])
def test_a_mistyped_command_gets_a_suggestion(words: str, meant: str) -> None:
    said = CliRunner().invoke(cli, words.split())
    assert (said.exit_code, f"Did you mean '{meant}'?" in said.output) == (2, True), said.output
    assert "Did you mean" not in CliRunner().invoke(cli, ["nonsense"]).output


def test_the_help_groups_every_command_and_gives_examples() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert [line.rstrip(":") for line in shown.splitlines() if line.rstrip(":") in set(Part)] == list(Part)
    for name, entry in COMMANDS.items():
        assert any(line.split()[:1] == [name] for line in shown.splitlines()), name
        assert entry.help.endswith(".")
    for words in ("ralph run --max-cost 5", "ralph init ", "ralph prd new "):
        assert words in shown


def test_the_pages_about_commands_are_the_ones_made_from_them() -> None:
    assert (ROOT / "docs" / PAGE).read_text(encoding="utf-8") == page()
    assert (ROOT / "docs" / MANUAL).read_text(encoding="utf-8") == manual()


def test_the_manual_has_every_command_and_reads_without_a_complaint() -> None:
    text = manual()
    assert all(f"\n.SS ralph {name}" in text.replace("\\-", "-") for name in BUILT)
    if groff := shutil.which("groff"):
        done = subprocess.run([groff, "-man", "-Tutf8", "-ww"], input=text, capture_output=True, text=True, check=True)
        assert done.stderr == ""


def test_every_example_is_one_that_its_command_accepts() -> None:
    lines = [line for _, one in told() for line in one.example.splitlines() if line.startswith("ralph ")]
    assert len(lines) >= len(BUILT)
    for line in lines:
        words = shlex.split(re.split(r" +[#>] ", line)[0])[1:]
        command: click.Command = cli
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            below = command.get_command(click.Context(cli), words.pop(0))
            assert below is not None, line
            command = below
        command.make_context("ralph", words)


def test_the_help_imports_nothing_heavy() -> None:
    code = "import sys\nfrom ralph.cli.main import cli\ncli.main(['--help'], standalone_mode=False)\n"
    code += "print(sorted({'pydantic', 'anthropic', 'rich', 'yaml', 'sqlite3', 'git'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
