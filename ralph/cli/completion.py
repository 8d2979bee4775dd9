"""`ralph completion`: the script that makes a shell complete commands, options, story ids and schedule names."""

import click

SHELLS = ("bash", "zsh", "fish")
EXAMPLE = """\b
Examples, to be typed once:
  echo 'eval "$(ralph completion bash)"' >> ~/.bashrc
  echo 'eval "$(ralph completion zsh)"' >> ~/.zshrc
  ralph completion fish > ~/.config/fish/completions/ralph.fish
"""


@click.command("completion", epilog=EXAMPLE)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands, options, story ids and names of schedules."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415  # only this command needs it

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "ralph", "_RALPH_COMPLETE").source())
