"""`ralph schedule`: the table of its commands."""

import click

from ralph.cli.lazy import LazyRows

CHANGE, SHOW, WORK, INSTALL = (f"ralph.cli.schedule_{part}" for part in ("change", "show", "work", "install"))
ROWS = {
    "add": (CHANGE, "add_command", "Add a schedule; all of it is checked at once."),
    "list": (SHOW, "list_command", "Show every schedule: when it is due next, how its last run ended."),
    "show": (SHOW, "show_command", "Show one schedule whole, with its last nights."),
    "edit": (CHANGE, "edit_command", "Change what is given, and nothing else."),
    "pause": (CHANGE, "pause_command", "Begin nothing of a schedule until it is resumed."),
    "resume": (CHANGE, "resume_command", "Let a paused schedule begin runs again."),
    "remove": (CHANGE, "remove_command", "Forget a schedule."),
    "run-now": (WORK, "run_now_command", "Run a schedule here and now."),
    "once": (WORK, "once_command", "Carry out what is due and leave: for a timer of your own."),
    "install": (INSTALL, "install_command", "Have the system start `ralph daemon` at boot."),
    "uninstall": (INSTALL, "uninstall_command", "Take back what `install` wrote."),
}


@click.group(
    "schedule", cls=LazyRows, rows=ROWS, epilog='Example: ralph schedule add nightly --cron "0 2 * * *" --max-cost 5'
)
def schedule_group() -> None:
    """Runs at set times: add, look at and change them, and have the system start `ralph daemon`, which carries them out."""
