"""`ralph trust` shows the commands that it lets out of the sandbox."""

from pathlib import Path

from ralph.cli.trust import loosened
from ralph.settings.layers import SettingsFile


def test_every_command_of_a_service_is_shown_in_full_before_it_is_trusted() -> None:
    long = "docker compose --project-name shop --file compose.test.yml up --wait --detach database queue"
    text = f"""copy = [".env"]
[[services]]
name = "database"
up = "{long}"
down = "docker compose down"
[[services]]
name = "queue"
up = "true"
"""
    assert loosened(SettingsFile(Path("ralph.toml"), text.encode(), "ralph.toml")) == [
        'ralph.toml:1: copy = [".env"] (you allow [])',
        f"ralph.toml:2: database runs outside of the sandbox, up: {long}",
        "ralph.toml:2: database runs outside of the sandbox, down: docker compose down",
        "ralph.toml:6: queue runs outside of the sandbox, up: true",
    ]
