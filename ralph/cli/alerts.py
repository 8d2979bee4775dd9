"""`ralph alerts`: what people are told of, where it goes, what became of it, and silence for a while."""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

import click

from ralph.cli.traces import echo_json, json_option
from ralph.durations import parse_duration_s
from ralph.errors import RalphError

if TYPE_CHECKING:
    from ralph.alerts.desk import Desk
    from ralph.home import Home
    from ralph.settings import Settings

NO_CHANNEL = (
    'no channel is set up, so alerts go nowhere. Add one to {config}, for example:\n\n[[channels]]\nname = "me"\n'
    'kind = "desktop"\n\nEvery kind, with an example to copy: docs/alerts.md'
)


def rule_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell, while a person types: silent about everything that is wrong."""
    del ctx, param
    with suppress(Exception), _desk() as (desk, _):
        return [rule.name for rule in desk.engine.rules if rule.name.startswith(incomplete)]
    return []


def channel_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del ctx, param
    with suppress(Exception):
        return [one.name for one in _settings()[1].channels if one.name.startswith(incomplete)]
    return []


def seconds(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else parse_duration_s(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


@click.group("alerts", epilog="Example: ralph alerts test phone")
def alerts_group() -> None:
    """What people are told of while nobody looks, and where it goes.

    Channels and thresholds are set in config.toml: `[[channels]]` and `[alerts]`. Alerts are evaluated beside `ralph run`,
    `ralph daemon` and `ralph ui`.
    """


@alerts_group.command(
    "list", short_help="Show every rule, what fires now, and every channel.", epilog="Example: ralph alerts list"
)
@json_option
def list_command(*, as_json: bool) -> None:
    """Show every rule, what fires now, and every channel with what it sent last."""
    from ralph.alerts.overview import channel_states, read_kept, rule_states  # noqa: PLC0415  # --help must be fast
    from ralph.alerts.rules import every_rule  # noqa: PLC0415
    from ralph.cli.alerts_view import list_facts, list_lines  # noqa: PLC0415

    home, settings = _settings()
    kept = read_kept(home, time.time_ns())
    rules, channels = rule_states(every_rule(home, settings), settings, kept), channel_states(settings.channels, kept)
    if as_json:
        echo_json(list_facts(rules, channels))
    else:
        click.echo("\n".join(list_lines(rules, channels)))


@alerts_group.command(
    "history",
    short_help="Show what was told, to whom, and whether it arrived.",
    epilog="Example: ralph alerts history --limit 100",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=30, help="At most so many. [default: 30]")
@json_option
def history_command(*, limit: int, as_json: bool) -> None:
    """Show what was told and when, to whom, and whether it arrived; the newest first."""
    from ralph.cli.alerts_view import history_facts, history_lines  # noqa: PLC0415  # heavy, and --help must be fast

    with _desk() as (desk, _):
        entries = desk.outbox.history(limit)
    if as_json:
        echo_json([history_facts(entry) for entry in entries])
    else:
        click.echo("\n".join(history_lines(entries)) or "nothing was told yet")


@alerts_group.command(
    "test", short_help="Send a test message to a channel now.", epilog="Example: ralph alerts test phone"
)
@click.argument("channel", shell_complete=channel_names)
def test_command(channel: str) -> int:
    """Send a test message to CHANNEL now, as an alert would be sent, and say what the receiver answered.

    Exit code 0 when the receiver took it, 2 when the channel or a secret of it is not usable, 4 when the receiver refused
    it or did not answer.
    """
    from ralph.alerts.trial import trial_message, try_channel  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.schedule.environment import with_file  # noqa: PLC0415
    from tracing.store import TraceStore  # noqa: PLC0415

    home, settings = _settings()
    if not settings.channels:
        raise RalphError(NO_CHANNEL.format(config=home.config))
    name = _known("channel", channel, [one.name for one in settings.channels])
    chosen = next(one for one in settings.channels if one.name == name)
    with closing(TraceStore.open(home.traces_db)) as store:
        message = trial_message(chosen, store, settings.ui.public_url or "", time.time_ns())
    trial = try_channel(chosen, message, with_file(home, os.environ))
    if trial.exit_code:
        click.echo(f"ralph: {name}: the test message was not sent. {trial.said}", err=True)
        return int(trial.exit_code)
    click.echo(f"{name}: the receiver took it{f' ({trial.said})' if trial.said else ''}. Look whether it arrived.")
    return 0


@alerts_group.command(
    "silence",
    epilog="Example: ralph alerts silence tool_errors --for 2h    or, to end it: ralph alerts silence tool_errors --end",
)
@click.argument("rule", shell_complete=rule_names)
@click.option("--for", "for_s", callback=seconds, metavar="TIME", help="So long: 2h, 30m, 1d.")
@click.option("--end", is_flag=True, help="Speak again from now on.")
def silence_command(rule: str, *, for_s: int | None, end: bool) -> None:
    """Tell nothing of RULE for a while. What still holds afterwards is told then; what happened meanwhile is counted."""
    from tracing.words import local_time  # noqa: PLC0415

    if (for_s is not None) == end:
        raise click.UsageError("Say one of them: --for 2h, for so long, or --end.")
    with _desk() as (desk, _):
        name = _known("rule", rule, [one.name for one in desk.engine.rules])
        silence = desk.engine.silence(name, for_s or 0)
    click.echo(f"{name} speaks again" if end else f"{name} is silent until {local_time(silence.until_ns)}")


@alerts_group.command(
    "retry", epilog="Example: ralph alerts retry 3f2a91c0    or, everything: ralph alerts retry --all"
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_of_them", is_flag=True, help="Every message that was given up.")
def retry_command(ids: tuple[str, ...], *, all_of_them: bool) -> None:
    """Send again what was given up; `ralph alerts history` shows the ids."""
    from ralph.alerts.overview import given_up  # noqa: PLC0415  # heavy, and --help must be fast

    if bool(ids) == all_of_them:
        raise click.UsageError("Say one of them: the ids of messages, or --all.")
    with _desk() as (desk, _):
        chosen = given_up(desk, ids)
        for message_id in chosen:
            desk.outbox.retry(message_id)
        left = desk.deliver().left if chosen else 0
    if all_of_them and not chosen:
        click.echo("nothing was given up")
        return
    if not chosen:
        raise RalphError("no message of these ids was given up. `ralph alerts history` shows what became of each.")
    waits = f"; {left} still wait" if left else ""
    click.echo(f"{len(chosen)} message{'s' * (len(chosen) != 1)} taken up again{waits}")


@contextmanager
def _desk() -> "Iterator[tuple[Desk, Settings]]":
    from ralph.alerts.desk import Desk  # noqa: PLC0415
    from ralph.known_secrets import own_secrets  # noqa: PLC0415
    from tracing.redact import Redactor  # noqa: PLC0415

    home, settings = _settings()
    with closing(Desk.open(home, settings, Redactor(own_secrets(os.environ, home)))) as desk:
        yield desk, settings


def _settings() -> "tuple[Home, Settings]":
    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.settings.load import user_settings  # noqa: PLC0415

    home = find_home()
    return home, user_settings(home)


def _known(what: str, word: str, names: list[str]) -> str:
    """Raises: RalphError: there is no such name; the message has the nearest one."""
    from prd.spelling import nearest, same_but_for_spelling  # noqa: PLC0415  # only a mistake needs it

    if word in names:
        return word
    meant = same_but_for_spelling(word, names) or nearest(word, names)
    hint = f"Did you mean {meant}?" if meant else f"There are: {', '.join(names)}."
    raise RalphError(f'there is no {what} "{word}". {hint}')
