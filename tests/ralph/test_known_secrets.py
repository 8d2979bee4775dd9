"""What is cut out of every trace, log and alert: also keys that only channels or the env file of the state folder name."""

from pathlib import Path

import pytest

from ralph.home import Home
from ralph.known_secrets import known_secrets, own_secrets
from tracing.redact import Redactor

CHANNELS = """
[[channels]]
name = "team"
kind = "slack"
url = "env:TEAM_ADDRESS"

[[channels]]
name = "phone"
kind = "apprise"
url = "env:PHONE"

[[channels]]
name = "mail"
kind = "email"
host = "smtp.example.com"
sender = "a@example.com"
to = ["b@example.com"]
password = "file:{folder}/mail-password"
"""
TEAM = "https://hooks.example.com/services/T024BE7LD/B0GEXZ/aVerySecretPart77"
PHONE = "tgram://123456789:AAbbCCddEEffGG77/4242424242"
PASSWORD = "mail-pass-99-31"
KEY = "sk-ant-of-the-night-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "state")
    home.root.mkdir()
    home.config.write_text(CHANNELS.format(folder=tmp_path))
    for path, text in (
        (home.root / "env", f"ANTHROPIC_API_KEY={KEY}\nTEAM_ADDRESS={TEAM}\n"),
        (tmp_path / "mail-password", PASSWORD),
    ):
        path.write_text(text)
        path.chmod(0o600)
    return home


@pytest.mark.parametrize("secret", [TEAM, PHONE, PASSWORD, KEY, "aVerySecretPart77", "AAbbCCddEEffGG77"])
def test_secrets_of_channels_and_of_the_env_file_are_known_by_whatever_name(
    home: Home, tmp_path: Path, secret: str
) -> None:
    redact = Redactor(known_secrets({"PHONE": PHONE}, tmp_path, home))
    assert secret not in redact.text(f"the agent read: {secret}!")


def test_words_of_an_address_are_no_secrets(home: Home) -> None:
    known = own_secrets({"PHONE": PHONE}, home)
    assert not known & {"services", "https", "hooks.example.com", "T024BE7LD"}


def test_files_that_cannot_be_used_do_not_stop_a_run_here(home: Home) -> None:
    (home.root / "env").chmod(0o644)
    home.config.write_text("[nonsense")
    assert own_secrets({"MY_TOKEN": "tok-0123456789"}, home) == {"tok-0123456789"}
