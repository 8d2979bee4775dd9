from datetime import date

import pytest

from kitty.errors import KittyError
from kitty.ledger import Expense, append_expense, make_expense, read_ledger

FERRY = Expense(date(2026, 7, 1), "Ana", 9000, ("Ana", "Ben", "Cem"), "Ferry, return")


def test_what_was_added_is_read_back(tmp_path):
    path = tmp_path / "trip.csv"
    append_expense(path, FERRY)
    append_expense(path, make_expense("2026-07-02", "Ben", "-4.5", "Ana Ben"))
    assert read_ledger(path)[0] == FERRY
    assert read_ledger(path)[1].cents == -450


def test_an_absent_file_is_an_empty_ledger(tmp_path):
    assert read_ledger(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2026-07-01,Ana,x,Ana,", 'trip.csv:2: "x" is not an amount'),
        ("2026-02-30,Ana,1,Ana,", 'trip.csv:2: "2026-02-30" is not a day'),
        ("2026-07-01,Ana,1,,", "trip.csv:2: Nobody shares"),
        ("2026-07-01,Ana,1", "trip.csv:2: 3 fields"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    path = tmp_path / "trip.csv"
    path.write_text(f"date,payer,amount,shared_by,note\n{line}\n", encoding="utf-8")
    with pytest.raises(KittyError) as caught:
        read_ledger(path)
    assert str(caught.value).startswith(message)
