import random
from datetime import date

from kitty.balances import balances, shares
from kitty.ledger import Expense


def an_expense(payer, cents, *people):
    return Expense(date(2026, 7, 1), payer, cents, people)


def test_the_payer_is_owed_what_the_others_share():
    assert balances([an_expense("Ana", 9000, "Ana", "Ben", "Cem")]) == {"Ana": 6000, "Ben": -3000, "Cem": -3000}


def test_a_payer_need_not_share():
    assert balances([an_expense("Ana", 100, "Ben")]) == {"Ana": 100, "Ben": -100}


def test_balances_of_any_ledger_add_up_to_zero():
    chance = random.Random(2)
    people = ["Ana", "Ben", "Cem", "Dua"]
    for _ in range(200):
        ledger = [
            an_expense(chance.choice(people), chance.randint(1, 5000), *chance.sample(people, chance.randint(1, 4)))
            for _ in range(chance.randint(1, 12))
        ]
        assert sum(balances(ledger).values()) == 0
        assert all(sum(shares(expense).values()) == expense.cents for expense in ledger)
