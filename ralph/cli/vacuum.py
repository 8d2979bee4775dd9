"""`ralph vacuum`: give the room that was freed in Ralph's databases back to the disk."""

import click

from ralph.cli.gc import size


@click.command("vacuum", epilog="Example: ralph vacuum")
def vacuum_command() -> None:
    """Make Ralph's databases as small as what is in them. A run that goes on hardly notices.

    A file that was made by an older Ralph has to be written anew once, which nothing may use meanwhile; this says so.
    """
    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from tracing.vacuum import vacuum  # noqa: PLC0415

    home = find_home()
    for path in (home.traces_db, home.ledger_db):
        if path.exists():
            done = vacuum(path)
            click.echo(f"{path.name}: {size(done.before_bytes)} before, {size(done.after_bytes)} now")
