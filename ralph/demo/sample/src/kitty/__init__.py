"""Shared expenses of a group: who paid, who owes whom."""
