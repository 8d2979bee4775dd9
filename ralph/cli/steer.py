"""`ralph say`, `pause`, `resume` and `skip`: talking to a run from another terminal."""

from pathlib import Path

import click

from ralph.cli.complete import story_ids
from ralph.cli.places import prd_option, repo_option


@click.command("say", epilog='Example: ralph say "use the existing helper in dates.py" --story US-002')
@click.argument("text", required=False)
@click.option(
    "--story",
    metavar="ID",
    shell_complete=story_ids,
    help="For this story's agent only. [default: whichever has its next turn first]",
)
@click.option("--list", "list_them", is_flag=True, help="List what was said and not delivered yet.")
@click.option("--withdraw", metavar="MESSAGE", help="Take back what was said; its id is in the list.")
@repo_option
@prd_option
def say_command(
    text: str | None, *, story: str | None, list_them: bool, withdraw: str | None, repo: Path, prd: Path | None
) -> None:
    """Tell the agent something; it reads it at its next turn. Without a run, the next one's first turn gets it.

    A message is kept until an agent has answered to it, and only one agent gets it.
    """
    from ralph import orders  # noqa: PLC0415  # heavy, and --help must be fast

    if sum((text is not None, list_them, withdraw is not None)) != 1:
        raise click.UsageError('give one of: a text (ralph say "use the existing helper"), --list, --withdraw MESSAGE')
    if text is not None:
        click.echo(orders.say(repo, text, story, prd))
    elif withdraw is not None:
        click.echo(orders.withdraw(repo, withdraw))
    else:
        click.echo("\n".join(orders.pending_lines(repo)))


@click.command("pause", epilog="Example: ralph pause")
@repo_option
def pause_command(*, repo: Path) -> None:
    """Have the run wait before its next turn, until `ralph resume`. Its time limit goes on; nothing is spent.

    After five minutes the service has forgotten the conversation's cache, so the turn after a long pause costs more.
    """
    from ralph import orders  # noqa: PLC0415

    click.echo(orders.pause(repo))


@click.command("resume", epilog="Example: ralph resume")
@repo_option
def resume_command(*, repo: Path) -> None:
    """Have a paused run go on."""
    from ralph import orders  # noqa: PLC0415

    click.echo(orders.resume(repo))


@click.command("skip", epilog="Example: ralph skip US-004")
@click.argument("story_id", metavar="STORY", shell_complete=story_ids)
@repo_option
@prd_option
def skip_command(story_id: str, *, repo: Path, prd: Path | None) -> None:
    """Leave STORY out: park it, and end its session if it is being worked on. It costs no attempt; its work is kept."""
    from ralph import orders  # noqa: PLC0415

    click.echo(orders.skip(repo, story_id, prd))
