"""Arguments in, text out."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kitty.balances import balances
from kitty.errors import KittyError
from kitty.ledger import append_expense, make_expense, read_ledger
from kitty.report import balances_text


def _add(options: argparse.Namespace) -> str:
    expense = make_expense(options.day, options.payer, options.amount, options.shared_by, options.note)
    append_expense(options.ledger, expense)
    return ""


def _balances(options: argparse.Namespace) -> str:
    return balances_text(balances(read_ledger(options.ledger)))


COMMANDS: dict[str, Callable[[argparse.Namespace], str]] = {"add": _add, "balances": _balances}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="kitty", description="Shared expenses of a group.")
    commands = top.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="add an expense")
    add.add_argument("ledger", type=Path)
    for name in ("day", "payer", "amount", "shared_by"):
        add.add_argument(name)
    add.add_argument("note", nargs="?", default="")
    commands.add_parser("balances", help="who is owed and who owes").add_argument("ledger", type=Path)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        text = COMMANDS[options.command](options)
    except KittyError as error:
        print(f"kitty: {error}", file=sys.stderr)
        return 2
    if text:
        print(text)
    return 0
