"""The pages about settings and exit codes say what the code does."""

import re
from pathlib import Path

import pytest

from ralph.checks.check import Check
from ralph.errors import ExitCode
from ralph.prepare.services import Service
from ralph.settings import resolve
from ralph.settings.catalogue import CHANNEL_ABOUT, CHECK_ABOUT, PRICE_ABOUT, SERVICE_ABOUT, default_of, entries
from ralph.settings.layers import SettingsFile
from ralph.settings.page import page
from tracing.alerts.channels import Channel
from tracing.prices import ModelPrice

EMAIL = '[[channels]]\nname = "a"\nkind = "email"\nhost = "h"\nsender = "s@example.com"\nto = ["t@example.com"]\n'
CHANNELS = dict.fromkeys(("kind", "to", "sender", "host", "port", "security", "username", "password", "private"), EMAIL)
CHANNELS["url"] = '[[channels]]\nname = "a"\nkind = "slack"\n'
CHANNELS["key"] = '[[channels]]\nname = "a"\nkind = "pagerduty"\n'
CHANNELS["address"] = '[[channels]]\nname = "a"\nkind = "webhook"\n'

ROOT = Path(__file__).resolve().parents[2]


def test_the_settings_page_is_the_one_made_from_the_schema() -> None:
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == page()


def test_every_part_of_a_check_a_service_a_channel_and_a_price_is_described() -> None:
    assert set(CHECK_ABOUT) == set(Check.model_fields)
    assert set(SERVICE_ABOUT) == set(Service.model_fields)
    assert set(CHANNEL_ABOUT) == set(Channel.model_fields)
    assert set(PRICE_ABOUT) == set(ModelPrice.model_fields)


def test_every_number_with_a_dimension_has_a_unit_and_every_setting_a_default() -> None:
    for entry in entries().values():
        assert default_of(entry)
        if re.search(r"_(s|ms|ns|usd|bytes|tokens)$", entry.name):
            assert entry.about.unit, entry.name


@pytest.mark.parametrize("name", [name for name, entry in entries().items() if "." in name and entry.about.example])
def test_every_example_of_the_page_is_accepted(name: str) -> None:
    entry = entries()[name]
    table, key = name.rpartition(".")[::2]
    lines = {
        "checks.*": '[[checks]]\nname = "a"\ncommand = "b"\n',
        "services.*": '[[services]]\nname = "a"\nup = "b"\n',
        "setup": '[setup]\ncommand = "b"\n',
        "prices.*": "[prices.m]\ninput = 1\noutput = 1\n",
        "channels.*": CHANNELS.get(key, '[[channels]]\nname = "a"\nkind = "desktop"\n'),
    }.get(table, f"[{table}]\n")
    kept = "".join(line + "\n" for line in lines.splitlines() if not line.startswith(f"{key} ="))
    text = f"{kept}{key} = {entry.about.example}\n"
    assert resolve(None, SettingsFile(Path("c"), text.encode(), "c"), {}).settings


def test_every_exit_code_is_on_its_page() -> None:
    text = (ROOT / "docs/exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", text, flags=re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(code.value, code.name) for code in ExitCode]
