"""`ralph demo`: the sample repository, a run on it, and a summary that says what to look at."""

import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.reporting import reporting

if TYPE_CHECKING:
    from ralph.demo.play import AttemptEnd, Summary

REASON_CHARS = 110
WORDS = {"success": "passed"}


@click.command("demo", epilog="Example: ralph demo --folder /tmp/kitty-demo")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to make it. [default: a new temporary folder]")
@click.option("--live", is_flag=True, help="Use the real model: needs a key and costs money, $5.00 at most.")
@click.option("--plain", is_flag=True, help="A line for each event, also on a terminal, instead of the live view.")
@click.option("--json", "as_json", is_flag=True, help="One JSON event a line, the summary last.")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "required", "bwrap", "landlock", "seatbelt", "none"]),
    help="How commands are confined. [default: auto]",
)
def demo_command(*, folder: Path | None, live: bool, plain: bool, as_json: bool, sandbox: str | None) -> int:
    """Make a small repository with five stories and run Ralph on it.

    Git, the tools and the tests are real; the model is a recording, so no key is needed and nothing is spent.
    """
    from ralph.demo.play import play  # noqa: PLC0415  # heavy, and --help must be fast

    place = folder or Path(tempfile.mkdtemp(prefix="ralph-demo-"))
    if not as_json:
        click.echo(f"A small project with five stories is made in {place / 'kitty'}, and `ralph run` works on it.")
        click.echo(f"{'The model is real.' if live else 'The model is a recording; all the rest is real.'}\n")
    with reporting(place / "kitty", as_json=as_json, plain=plain) as report:
        summary = play(place, report, live=live, sandbox=sandbox)
    click.echo(json.dumps({"event": "demo_ended", **summary.facts()}) if as_json else "\n".join(lines(summary)))
    return summary.exit_code


def lines(summary: "Summary") -> Iterator[str]:
    """The summary for a person."""
    yield "\nStories"
    for attempt in summary.attempts:
        yield f"  {attempt.story}  {_word(attempt):<8} {_how(attempt)}"
    yield "\nCommits (git log --oneline)"
    yield from (f"  {line}" for line in summary.commits)
    simulated = "" if summary.live else " (simulated: nothing was spent)"
    yield f"\nCost        ${summary.cost_usd:.4f}{simulated}"
    yield f"Cache hits  {summary.cache_hit_ratio:.0%} of the input tokens"
    yield f"Time        {summary.duration_s:.0f} s"
    yield "\nWhere to look next"
    yield from (f"  {line}" for line in _next_steps(summary))
    yield ""
    yield from _about_the_model(summary)


def _word(attempt: "AttemptEnd") -> str:
    return "stopped" if attempt.stopped else WORDS.get(attempt.status, attempt.status)


def _how(attempt: "AttemptEnd") -> str:
    if attempt.stopped:
        return f"{attempt.title}: {attempt.stopped[0].lower()}{attempt.stopped[1:]}"
    if attempt.status != "success":
        return f"{attempt.title}: {_short(attempt.reason)}"
    repaired = {0: "at once", 1: "after 1 repair"}.get(attempt.repairs, f"after {attempt.repairs} repairs")
    return f"{attempt.title}, {repaired}"


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= REASON_CHARS else line[:REASON_CHARS].rsplit(" ", 1)[0] + " ..."


def _next_steps(summary: "Summary") -> Iterator[str]:
    ralph = (f"RALPH_HOME={shlex.quote(str(summary.home))} " if summary.home else "") + _ralph()
    circles = next((attempt.story for attempt in summary.attempts if attempt.stopped), "")
    yield f"{ralph} ui   # {f'see why {circles} went in circles' if circles else 'see what happened, in the browser'}"
    yield f"{ralph} report   # what you would read in the morning"
    yield f"{ralph} status --repo {shlex.quote(str(summary.repo))}   # which stories are done, and why one is not"
    yield f"{ralph} traces"
    for attempt in summary.attempts:
        if attempt.repairs or attempt.status != "success":
            yield f"{ralph} trace {attempt.trace_id[:8]}   # {attempt.story}: {_worth_a_look(attempt)}"
    yield f"git -C {shlex.quote(str(summary.repo))} log --branches"


def _worth_a_look(attempt: "AttemptEnd") -> str:
    if attempt.status == "success":
        return "how it was repaired"
    return "how it went in circles" if attempt.stopped else "why it stopped"


def _ralph() -> str:
    """How to call this command again: by its name if that finds it, else as it was called now."""
    called = Path(sys.argv[0])
    if called.name != "ralph":
        return f"{shlex.quote(sys.executable)} -m ralph"
    found = shutil.which("ralph")
    return "ralph" if found and Path(found).resolve() == called.resolve() else shlex.quote(str(called))


def _about_the_model(summary: "Summary") -> Iterator[str]:
    if summary.live:
        return
    if summary.misfit:
        yield "The demo's recording does not fit this version of Ralph: please report it, with this line:"
        yield f"  {' '.join(summary.misfit.split())}"
    elif summary.as_recorded:
        yield "The model was a recording: its answers were written by hand once, solving these stories with these tools."
        yield "Git, the tools, the tests and the commits were real. With a model of your own: ralph demo --live"
    else:
        yield f"The run did not go as it was recorded: {summary.reason}"
