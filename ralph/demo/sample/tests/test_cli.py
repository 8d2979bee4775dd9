from kitty.cli import main


def test_added_expenses_show_in_the_balances(tmp_path, capsys):
    ledger = str(tmp_path / "trip.csv")
    assert main(["add", ledger, "2026-07-01", "Ana", "90.00", "Ana Ben Cem", "Ferry"]) == 0
    assert main(["balances", ledger]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Ana         +60.00",
        "Ben         -30.00",
        "Cem         -30.00",
    ]


def test_a_mistake_is_told_and_leaves_with_2(tmp_path, capsys):
    assert main(["add", str(tmp_path / "t.csv"), "2026-07-01", "Ana", "free", "Ana"]) == 2
    assert capsys.readouterr().err == 'kitty: "free" is not an amount. Write for example 12.50.\n'
