"""`ralph prd`: the table of its commands."""

import click

from ralph.cli.lazy import LazyRows

ROWS = {
    "new": ("ralph.cli.prd_new", "new_command", "Have a model draft stories for what you want; you decide."),
    "check": ("ralph.cli.prd_check", "check_command", "Say whether Ralph can work on a PRD."),
    "show": ("ralph.cli.prd_show", "show_command", "Show the stories as Ralph reads them."),
    "add": ("ralph.cli.prd_write", "add_command", "Add a story, laid out and numbered as the others."),
    "convert": ("ralph.cli.prd_write", "convert_command", "Write a PRD of any format as a prd.json."),
    "from-issues": ("ralph.cli.prd_write", "from_issues_command", "Make a prd.json of GitHub issues with a label."),
    "lint": ("ralph.cli.prd_lint", "lint_command", "Name stories that are too big, vague or not checkable."),
}


@click.group("prd", cls=LazyRows, rows=ROWS, epilog='Example: ralph prd new "export the list as CSV"')
def prd_group() -> None:
    """Draft, check and mend a PRD."""
