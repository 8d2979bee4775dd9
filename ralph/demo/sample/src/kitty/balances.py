"""Who is owed money and who owes it."""

from collections import defaultdict
from collections.abc import Iterable

from kitty.ledger import Expense
from kitty.money import split_evenly


def shares(expense: Expense) -> dict[str, int]:
    """What each person's part of one expense is, in cents."""
    return dict(zip(expense.shared_by, split_evenly(expense.cents, len(expense.shared_by)), strict=True))


def balances(expenses: Iterable[Expense]) -> dict[str, int]:
    """Cents by person in the order of names: above 0 is owed to them, below 0 they owe. They add up to 0."""
    totals: dict[str, int] = defaultdict(int)
    for expense in expenses:
        totals[expense.payer] += expense.cents
        for person, cents in shares(expense).items():
            totals[person] -= cents
    return dict(sorted(totals.items()))
