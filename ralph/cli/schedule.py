"""`ralph schedule`: the table of its commands."""

import click

from ralph.cli.lazy import LazyRows

ROWS = {
    "add": ("ralph.cli.schedule_change", "add_command", "Add a schedule."),
    "list": (
        "ralph.cli.schedule_show",
        "list_command",
        "Show every schedule: when it is due next, how its last run ended.",
    ),
    "remove": ("ralph.cli.schedule_change", "remove_command", "Forget a schedule."),
    "run-now": ("ralph.cli.schedule_work", "run_now_command", "Run a schedule here and now."),
    "install": ("ralph.cli.schedule_install", "install_command", "Have the system start `ralph daemon` at boot."),
    "uninstall": ("ralph.cli.schedule_install", "uninstall_command", "Take back what `install` wrote."),
}


@click.group(
    "schedule", cls=LazyRows, rows=ROWS, epilog='Example: ralph schedule add nightly --cron "0 2 * * *" --max-cost 5'
)
def schedule_group() -> None:
    """Runs at set times: add, look at and change them, and have the system start `ralph daemon`, which carries them out."""
