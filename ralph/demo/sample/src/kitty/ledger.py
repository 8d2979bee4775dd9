"""The ledger file: one expense a line, `date,payer,amount,shared_by,note`."""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kitty.errors import KittyError
from kitty.money import format_cents, parse_cents

HEADER = ["date", "payer", "amount", "shared_by", "note"]


@dataclass(frozen=True)
class Expense:
    """`shared_by` has every person once, in the order of the file."""

    day: date
    payer: str
    cents: int
    shared_by: tuple[str, ...]
    note: str = ""


def read_ledger(path: Path) -> list[Expense]:
    """All expenses of the file, in its order; an absent file is an empty ledger."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0] != HEADER:
        raise KittyError(f"{path.name}:1: the first line must be {','.join(HEADER)}")
    return [_expense(row, f"{path.name}:{number}") for number, row in enumerate(rows[1:], start=2)]


def append_expense(path: Path, expense: Expense) -> None:
    """Add a line to the ledger, and its header when the file is new."""
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(HEADER)
        people = " ".join(expense.shared_by)
        amount = format_cents(expense.cents)
        writer.writerow([expense.day.isoformat(), expense.payer, amount, people, expense.note])


def make_expense(day: str, payer: str, amount: str, shared_by: str, note: str = "") -> Expense:
    """An expense from the words of a line or a command."""
    people = tuple(dict.fromkeys(shared_by.split()))
    if not people:
        raise KittyError("Nobody shares this expense. Name at least one person.")
    try:
        return Expense(date.fromisoformat(day), payer, parse_cents(amount), people, note)
    except ValueError as error:
        raise KittyError(f'"{day}" is not a day. Write it as 2026-07-01.') from error


def _expense(row: list[str], where: str) -> Expense:
    if len(row) != len(HEADER):
        raise KittyError(f"{where}: {len(row)} fields, but there should be {len(HEADER)}")
    try:
        return make_expense(*row)
    except KittyError as error:
        raise KittyError(f"{where}: {error}") from error
