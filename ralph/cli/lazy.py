"""A group of commands whose modules are imported only when one of them runs. Knows no command."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Rows = Mapping[str, tuple[str, str, str]]
"""Name -> module, attribute, one line of help."""


class LazyRows(click.Group):
    """Made from a table: `@click.group(cls=LazyRows, rows={...})`."""

    def __init__(self, *args: object, rows: Rows, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.rows = rows

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in self.rows:
            return None
        module, attribute, _ = self.rows[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.rows and not args[0].startswith("-"):
            self._suggest(ctx, args[0])
        return super().resolve_command(ctx, args)

    def _suggest(self, ctx: click.Context, word: str) -> None:
        """Fails with the command that may have been meant, if one comes near. Click has only the commands that are loaded."""
        from prd.spelling import begun_by, nearest  # noqa: PLC0415  # only a mistake needs it

        near = nearest(word, self.rows)
        if meant := begun_by(word, self.rows) or ([near] if near else []):
            ctx.fail(f"No such command '{word}'. Did you mean {' or '.join(map(repr, meant))}?")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, _, told) in self.rows.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Names without importing: a key press must not wait."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415  # only the shell asks

        found = [
            CompletionItem(name, help=told) for name, (_, _, told) in self.rows.items() if name.startswith(incomplete)
        ]
        return found or click.Command.shell_complete(self, ctx, incomplete)
