"""docs/commands.md and docs/ralph.1, made from the commands: `python -m ralph.cli.page`. A test compares them.

With a folder as argument both are written there; with none the page is printed.
"""

import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from ralph.cli.main import COMMANDS, Part, cli

PAGE, MANUAL = "commands.md", "ralph.1"
HEAD = """# Commands

<!-- Made by `python -m ralph.cli.page docs`; change the commands in ralph/cli/ instead. -->

`ralph COMMAND --help` says the same in the terminal, `man docs/ralph.1` too. What each exit code means: [exit-codes.md](exit-codes.md).
Settings that have no option of their own: [settings.md](settings.md). Being the model yourself: [by-hand.md](by-hand.md).

"""
SEE_ALSO = "Settings are described in docs/settings.md, exit codes in docs/exit-codes.md of the project."


@dataclass(frozen=True)
class Told:
    """One command as its help tells it."""

    name: str  # with those above it: "ralph schedule add"
    usage: str
    paragraphs: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    example: str


def told() -> Iterator[tuple[Part, Told]]:
    """Every command that is built, groups before their members, in the order of `ralph --help`."""
    top = click.Context(cli, info_name="ralph")
    for part in Part:
        for name, entry in COMMANDS.items():
            is_built = importlib.util.find_spec(entry.module) is not None
            command = cli.get_command(top, name) if entry.part is part and is_built else None
            if command is not None:
                yield from ((part, one) for one in _told(command, name, top))


def _told(command: click.Command, name: str, parent: click.Context) -> Iterator[Told]:
    context = click.Context(command, info_name=name, parent=parent)
    params = command.params
    options = tuple((_names(param), param.help or "") for param in params if isinstance(param, click.Option))
    arguments = [_argument(param) for param in params if isinstance(param, click.Argument)]
    is_group = isinstance(command, click.Group)
    pieces = [*(["[OPTIONS]"] if options else []), *arguments, *(["COMMAND"] if is_group else [])]
    yield Told(
        name=context.command_path,
        usage=" ".join([context.command_path, *pieces]),
        paragraphs=tuple(" ".join(text.split()) for text in (command.help or "").strip().split("\n\n")),
        options=options,
        example=_example(command.epilog or ""),
    )
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            member = command.get_command(context, below)
            assert member is not None, below
            yield from _told(member, below, context)


def _names(option: click.Option) -> str:
    """As in "-n, --lines N". Words of our own, since those of click differ from version to version."""
    return ", ".join(option.opts) + ("" if option.is_flag else f" {_value(option)}")


def _value(option: click.Option) -> str:
    kind = option.type
    if isinstance(kind, click.Choice):
        return "|".join(map(str, kind.choices))
    return option.metavar or ("N" if isinstance(kind, click.types.IntParamType) else "PATH")


def _argument(argument: click.Argument) -> str:
    shown = argument.metavar or (argument.name or "").upper()
    if isinstance(argument.type, click.Choice):
        shown = "|".join(map(str, argument.type.choices))
    return shown if argument.required or shown.startswith("[") else f"[{shown}]"


def _example(epilog: str) -> str:
    """Each command on a line of its own, what is said about it behind it."""
    first, *rest = epilog.replace("\b\n", "").strip().splitlines()
    lines = [re.sub(r"^Examples?[^:]*: ?", "", first), *rest]
    text = "\n".join(line.strip() for line in lines if line.strip())
    text = re.sub(r" {2,}or, (.*?): (.*)", r"\n\2    # \1", text)
    return re.sub(r" {2,}\((.*)\)$", r"    # \1", text)


def page() -> str:
    """The whole of docs/commands.md."""
    lines: list[str] = []
    heading = None
    for part, one in told():
        if part is not heading:
            heading = part
            lines += [f"## {part.value}", ""]
        lines += _markdown(one)
    return HEAD + "\n".join(lines)


def _markdown(one: Told) -> list[str]:
    rows = [f"| `{_cell(names)}` | {_cell(help_text)} |" for names, help_text in one.options]
    return [
        f"### {one.name}",
        "",
        *(line for paragraph in one.paragraphs for line in (paragraph.replace("|", "\\|"), "")),
        "```sh",
        one.usage,
        "```",
        "",
        *(["| option | meaning |", "|---|---|", *rows, ""] if rows else []),
        "For example:",
        "",
        "```sh",
        one.example,
        "```",
        "",
    ]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def manual() -> str:
    """A man page in plain roff; read it with `man docs/ralph.1`."""
    lines = [
        '.TH RALPH 1 "" "Ralph" "User Commands"',
        ".SH NAME",
        "ralph \\- have an agent implement the stories of a PRD, checked, committed and traced",
        ".SH SYNOPSIS",
        ".B ralph",
        "COMMAND [ARGUMENTS]",
        ".SH DESCRIPTION",
        _roff(cli.help or ""),
    ]
    heading = None
    for part, one in told():
        if part is not heading:
            heading = part
            lines.append(f'.SH "{part.value.upper()}"')
        lines += _man(one)
    return "\n".join([*lines, ".SH SEE ALSO", _roff(SEE_ALSO), ""])


def _man(one: Told) -> Iterator[str]:
    yield f".SS {_roff(one.usage)}"
    for paragraph in one.paragraphs:
        yield from (_roff(paragraph), ".PP")
    for names, help_text in one.options:
        yield from (".TP", f".B {_roff(names)}", _roff(" ".join(help_text.split())))
    yield from (".PP", "For example:", ".PP", ".nf", *map(_roff, one.example.splitlines()), ".fi")


def _roff(text: str) -> str:
    """Text in which roff sees no request and no escape."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def write(folder: Path) -> None:
    (folder / PAGE).write_text(page(), encoding="utf-8")
    (folder / MANUAL).write_text(manual(), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]))
    else:
        sys.stdout.write(page())
