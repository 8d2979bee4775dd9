"""`ralph ui`: the viewer on this machine, its address on standard output, with detectors and alerts at work beside it."""

import os
import sys
import threading
import webbrowser
from contextlib import closing
from typing import TYPE_CHECKING

import click

from ralph.errors import RalphError

if TYPE_CHECKING:
    import socket

PORT = click.IntRange(0, 65_535)


@click.command("ui", epilog="Example: ralph ui    or, on a server: ralph ui --no-open --port 7007")
@click.option(
    "--port", type=PORT, metavar="N", help="Listen at this port; 0 takes any. [default: 7007, or the next that is free]"
)
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
def ui_command(*, port: int | None, no_open: bool) -> None:
    """Open the trace viewer in the browser: what ran, what it cost, and where it went wrong.

    It listens on 127.0.0.1 alone and ends with Ctrl-C. The address that it prints lets in whoever has it: it holds a token
    that is made anew at every start. To see a server's traces, forward the port: ssh -L 7007:127.0.0.1:7007 SERVER
    """
    from ralph.alerts.service import Alerting  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.settings.load import user_settings  # noqa: PLC0415
    from ralph.ui.site import ralph_site  # noqa: PLC0415
    from ralph.version import VERSION  # noqa: PLC0415
    from tracing.store import TraceStore  # noqa: PLC0415
    from tracing.web.app import create_app  # noqa: PLC0415
    from tracing.web.security import Security  # noqa: PLC0415
    from tracing.web.server import serve  # noqa: PLC0415
    from tracing.web.upkeep import Upkeep  # noqa: PLC0415

    home = find_home()
    settings = user_settings(home)
    listener = listening(port if port is not None else settings.ui.port)
    with listener, closing(TraceStore.open(home.traces_db)) as store:
        security = Security.fresh(listener.getsockname()[1], settings.ui.public_url or "")
        site = ralph_site(store, home, public_url=security.public_url)
        app = create_app(site, security, version=VERSION, debug=bool(os.environ.get("RALPH_DEBUG")))
        click.echo(security.url)  # alone on standard output, for scripts; the rest beside it
        sys.stdout.flush()
        opens = not no_open and can_open()
        how = "It opens in your browser." if opens else "Open it in a browser."
        click.echo(f"The viewer runs at this address. {how} Ctrl-C ends it.", err=True)
        if opens:  # in a thread: a browser in the terminal keeps the one that starts it
            threading.Thread(target=webbrowser.open, args=(security.url_once,), daemon=True).start()
        with Upkeep(home.traces_db), Alerting(home):
            serve(app, listener)


def listening(port: int | None) -> "socket.socket":
    """Raises: RalphError when the port that was asked for is taken."""
    from tracing.web.server import PortBusyError, listen, listen_near  # noqa: PLC0415  # heavy, and --help must be fast

    try:
        return listen_near() if port is None else listen(port)
    except PortBusyError as error:
        raise RalphError(
            f"{error}. Is a viewer running there already? Take another port: ralph ui --port 0 takes one that is free."
        ) from error


def can_open() -> bool:
    """Not on a server: a browser in the terminal would take it over."""
    if sys.platform in {"darwin", "win32"}:
        return not os.environ.get("SSH_CONNECTION")
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
