"""What `ralph --help` and every command's own help say."""

import importlib.util
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from ralph.cli.main import COMMANDS, Part, cli

BUILT = [name for name, entry in COMMANDS.items() if importlib.util.find_spec(entry.module)]


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _commands(below, (*path, name))


@pytest.mark.parametrize("name", BUILT)
def test_the_help_of_every_command_has_an_example(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for path, found in _commands(command, (name,)):
        assert f"ralph {path}" in (found.epilog or ""), path


def test_the_help_groups_every_command_and_gives_examples() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert [line.rstrip(":") for line in shown.splitlines() if line.rstrip(":") in set(Part)] == list(Part)
    for name, entry in COMMANDS.items():
        assert any(line.split()[:1] == [name] for line in shown.splitlines()), name
        assert entry.help.endswith(".")
    assert "ralph run --max-cost 5" in shown
