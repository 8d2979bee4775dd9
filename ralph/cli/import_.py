"""`ralph import FILE...`: take in traces that somebody exported."""

import time
from pathlib import Path

import click


@click.command("import", epilog="Example: ralph import 45f0c1d2.ralph-trace")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def import_command(files: tuple[Path, ...]) -> None:
    """Take in the traces that `ralph export` wrote to these files, marked as imported.

    A file is checked as a whole before anything of it is taken in. A trace that is here already stays as it is: the same file twice
    changes nothing, and another trace with the same id is refused. What an imported trace cost is not counted as yours, and it is
    kept as long as if it had ended when it came in.
    """
    from ralph.errors import RalphError  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.housekeeping.alone import alone  # noqa: PLC0415
    from tracing.bundle import BundleError, import_trace  # noqa: PLC0415

    home = find_home()
    for file in files:
        try:
            with alone(home):
                taken = import_trace(home.traces_db, file, time.time_ns())
        except BundleError as error:
            raise RalphError(f"{error} Nothing of it was taken in.") from error
        what = "taken in" if taken.is_new else "here already, the same"
        click.echo(f"{file}: {what}: {taken.spans:,} span{'s' * (taken.spans != 1)}. ralph trace {taken.trace_id[:8]}")
