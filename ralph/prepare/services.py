"""What has to run beside the checks: a database, a queue. Started before the first check, stopped at the end of the run.

The commands are the user's own and run outside of the sandbox, in the user's checkout, without Ralph's keys. A run that was
killed stops nothing: the next one calls `up` again, so `up` has to do no harm where the service is up already. Two runs in one
repo share the services: the last one to end stops them.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ralph.environment import clean_env
from ralph.errors import RalphError
from ralph.events import Event, EventKind, Reporter
from ralph.excerpts import excerpt
from ralph.process import Completed, run_process

SHOWN_LINES = 15
PASSED_ON = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")  # rootless containers and user services are found by them
PASSED_ON_PREFIXES = ("DOCKER_", "COMPOSE_", "CONTAINER_", "PODMAN_")


class Service(BaseModel):
    """A service as the user writes it. `down` is empty when nothing has to be run at the end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    up: str = Field(min_length=1)
    down: str = ""
    timeout_s: float = Field(default=120, gt=0)


@dataclass(frozen=True)
class Services:
    """The services of one run. `root` is the user's checkout, `outputs` a folder for what the commands print.

    `users` is a file that every run with these services locks as long as it uses them; None: there is no other run.
    """

    services: Sequence[Service]
    root: Path
    outputs: Path
    report: Reporter
    stop: threading.Event = field(default_factory=threading.Event)
    users: Path | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """All services up inside of the block, in their order; each that was begun is taken down after it.

        A stop while they start is no failure: the rest is not started, and the run sees the stop itself.

        Raises:
            RalphError: an `up` failed; what was started is down again.
        """
        if not self.services:
            yield
            return
        with _in_use(self.users) as is_last, ExitStack() as stack:
            for service in self.services:
                if self.stop.is_set():
                    break
                stack.callback(self._down, service, is_last)
                self._up(service)
            yield

    def _up(self, service: Service) -> None:
        output = self._output(service, "up")
        done = self._run(service, service.up, output, self.stop)
        if done.cancelled:
            return
        if done.exit_code or done.timed_out:
            raise RalphError(
                f"the service {service.name} did not start: `{service.up}` {_ending(done, service)}{_last_lines(output)}\n"
                f"Run the command yourself in {self.root} until it works, or change [[services]] in your settings."
            )
        self.report(_event(EventKind.NOTE, f"the service {service.name} is up ({done.duration_s:.1f} s)", service))

    def _down(self, service: Service, is_last: Callable[[], bool]) -> None:
        if not service.down or not is_last():
            return
        output = self._output(service, "down")
        try:
            done = self._run(service, service.down, output, None)
        except RalphError as error:
            self.report(_event(EventKind.WARNING, str(error), service))
            return
        if done.exit_code or done.timed_out:
            text = (
                f"the service {service.name} may still run: `{service.down}` {_ending(done, service)}{_last_lines(output)}\n"
                f"Stop it yourself in {self.root}."
            )
            self.report(_event(EventKind.WARNING, text, service))

    def _run(self, service: Service, command: str, output: Path, cancel: threading.Event | None) -> Completed:
        named = [name for name in os.environ if name.startswith(PASSED_ON_PREFIXES)]
        try:
            return run_process(
                ["bash", "--noprofile", "--norc", "-o", "pipefail", "-c", command],
                cwd=self.root,
                env=clean_env(pass_through=[*PASSED_ON, *named]),
                timeout_s=service.timeout_s,
                output=output,
                cancel=cancel,
                keep_children=True,
            )
        except OSError as error:
            raise RalphError(
                f"the service {service.name}: `{command}` cannot be run: {error}. Services need `bash` on PATH."
            ) from error

    def _output(self, service: Service, what: str) -> Path:
        self.outputs.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.outputs / f"{self.services.index(service) + 1}-{what}.log"


@contextmanager
def _in_use(users: Path | None) -> Iterator[Callable[[], bool]]:
    """Counts as a user inside of the block; yields whether there is no other. The system forgets a user that dies."""
    if users is None:
        yield lambda: True
        return
    import fcntl  # noqa: PLC0415 - the settings name this module, and they are read on Windows too

    fd = os.open(users, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def is_last() -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        fcntl.flock(fd, fcntl.LOCK_SH)  # waits for a run that is stopping them just now
        yield is_last
    finally:
        os.close(fd)


def _ending(done: Completed, service: Service) -> str:
    if done.timed_out:
        return f"took longer than {service.timeout_s:g} s"
    return f"ended with exit code {done.exit_code}"


def _last_lines(output: Path) -> str:
    lines = excerpt(output)[0].strip().splitlines()[-SHOWN_LINES:]
    return ". Its last lines:\n" + "\n".join(f"  {line}" for line in lines) if lines else ", and printed nothing."


def _event(kind: EventKind, text: str, service: Service) -> Event:
    return Event(kind, text, {"service": service.name})
