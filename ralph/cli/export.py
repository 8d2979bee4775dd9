"""`ralph export TRACE`: one trace as one file to send to somebody, for their Ralph, or with `--html` for their browser."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.traces import opened_traces, read_trace
from ralph.errors import RalphError

if TYPE_CHECKING:
    from ralph.home import Home
    from tracing.store import TraceStore
    from tracing.web.page import Site
    from tracing.web.standalone import Standalone

NO_TEXTS = "It holds no texts: names, times, costs and the titles of findings."
LOOK_FIRST = "It holds prompts and outputs as stored: look through it before you send it."


@click.command(
    "export",
    epilog="Example: ralph export latest    or, for a browser and without any text: ralph export 45f0 --html --no-content",
)
@click.argument("trace_id", metavar="TRACE")
@click.option(
    "--html",
    "as_html",
    is_flag=True,
    help="As one HTML file that opens from disk. [default: a file for `ralph import`]",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write here, over what is there; - is standard output. [default: ralph-trace-ID.html or ID.ralph-trace]",
)
@click.option("--full", is_flag=True, help="With --html: every span and every text whole, however large the file gets.")
@click.option("--no-content", is_flag=True, help="No texts: only names, times, costs, and the titles of findings.")
def export_command(*, trace_id: str, as_html: bool, output: str | None, full: bool, no_content: bool) -> None:
    """Write the trace whose id begins with TRACE (or `latest`) to a file that opens anywhere.

    Without --html it is one small file with all of the trace: `ralph import` takes it in elsewhere. The HTML file needs no network, no server and no script: findings first, the outcome, then every span. Either holds prompts,
    answers and the tools' outputs as they are stored, with secrets redacted as far as they were known; look through it before
    you send it, or leave all texts out with --no-content. In HTML, long texts and very large traces are cut, and the file says where.

    Without -o an existing file is never replaced.
    """
    if full and no_content:
        raise click.UsageError("--full and --no-content contradict each other: leave one out.")
    if full and not as_html:
        raise click.UsageError("--full is about --html: without that the file has everything.")
    if not as_html:
        write_bundle(trace_id, output, has_content=not no_content)
        return
    made = exported(trace_id, full=full, has_texts=not no_content)
    if output == "-":
        click.echo(made.html, nl=False)
        where = "standard output"
    else:
        where = str(written(made, Path(output) if output else None))
    click.echo("\n".join([f"{where}: {summary(made)}", *hints(made, has_texts=not no_content)]), err=True)


def write_bundle(trace_id: str, output: str | None, *, has_content: bool) -> None:
    """Raises: RalphError when there is no such trace, or several, or the file cannot be written."""
    from io import BytesIO  # noqa: PLC0415

    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.version import VERSION  # noqa: PLC0415
    from tracing.bundle import export_trace  # noqa: PLC0415

    with opened_traces() as store:
        whole_id = read_trace(store, trace_id).trace.trace_id
    made, path = BytesIO(), find_home().traces_db
    spans = export_trace(path, whole_id, made, has_content=has_content, made_by=f"ralph {VERSION}")
    where = put_bytes(made.getvalue(), output, f"{whole_id[:8]}.ralph-trace")
    said = NO_TEXTS if not has_content else LOOK_FIRST
    size = f"{max(len(made.getvalue()) / 1e6, 0.1):.1f} MB, {spans:,} span{'s' * (spans != 1)}"
    click.echo(f"{where}: {size}\n{said}\nTo take it in elsewhere: ralph import {where}", err=True)


def put_bytes(data: bytes, output: str | None, name: str) -> str:
    """Where they are now: in the file that was asked for, in one of this name that was not there, or on standard output."""
    if output != "-":
        return str(write_new(data, Path(output) if output else None, name))
    click.echo(data, nl=False)
    return "standard output"


def exported(trace_id: str, *, full: bool = False, has_texts: bool = True) -> "Standalone":
    """Raises: RalphError when there is no such trace, or several."""
    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.version import VERSION  # noqa: PLC0415
    from tracing.failures.stored import known_findings  # noqa: PLC0415
    from tracing.web.standalone import FULL, Extent, standalone  # noqa: PLC0415

    home = find_home()
    with opened_traces() as store:
        trace = read_trace(store, trace_id).trace
        known_findings(store, trace)  # analysed first, where nobody has
        extent = FULL if full else Extent(has_texts=has_texts)
        return standalone(site_for_others(store, home), trace.trace_id, extent, version=VERSION)


def site_for_others(store: "TraceStore", home: "Home") -> "Site":
    """The viewer's site, but what to type on this machine is of no use elsewhere."""
    from dataclasses import replace  # noqa: PLC0415  # heavy, and --help must be fast

    from ralph.ui.outcome import outcome  # noqa: PLC0415
    from ralph.ui.site import ralph_site  # noqa: PLC0415
    from tracing.store import TraceDetail  # noqa: PLC0415
    from tracing.web.page import Query  # noqa: PLC0415

    def told(query: Query, detail: TraceDetail) -> object | None:
        found = outcome(query.store, home, detail)
        return found and replace(found, commands=())

    site = ralph_site(store, home)
    panels = tuple(replace(panel, view=told) if panel.name == "outcome" else panel for panel in site.panels)
    return replace(site, panels=panels)


def written(made: "Standalone", path: Path | None) -> Path:
    """Write the file; one that was not named is never written over.

    Raises:
        RalphError: it is there already, or cannot be written.
    """
    return write_new(made.html.encode(), path, f"ralph-trace-{made.trace.trace_id[:8]}.html")


def write_new(data: bytes, path: Path | None, name: str) -> Path:
    """Write to `path`, over what is there; without one to a new file of this name. Raises: RalphError."""
    target = path or Path(name)
    try:
        with target.open("wb" if path else "xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise RalphError(f"{target} is there already. Write over it with -o {target}, or name another file.") from error
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise RalphError(f"{target} cannot be written: {error.strerror}. Name another file with -o FILE.") from error
    return target


def summary(made: "Standalone") -> str:
    """As in "0.3 MB, 48 spans"."""
    return f"{max(len(made.html.encode()) / 1e6, 0.1):.1f} MB, {made.spans:,} span{'s' * (made.spans != 1)}"


def hints(made: "Standalone", *, has_texts: bool) -> list[str]:
    """What to know before it is sent: what is not in it, and what is."""
    if not has_texts:
        return [NO_TEXTS]
    missing = [f"not in it: {one}" for one in made.left_out]
    how = ["--full writes all of it."] if missing else []
    return [*missing, *how, LOOK_FIRST]
