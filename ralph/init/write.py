"""`ralph.toml` as text: what works is active, the rest stands there as a comment with its reason.

Every word that comes from the repo is quoted or flattened, so that no name or output can add a line of its own; the text is read
back as settings before anybody sees it.
"""

import math
import os
import re
import shutil
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ralph.checks.check import Check
from ralph.detect.tree import one_line
from ralph.errors import RalphError
from ralph.init.diagnose import Kind
from ralph.init.missed_services import is_from_compose, service_of
from ralph.init.result import Trial, Tried, wanted
from ralph.init.surroundings import may_hold_secrets
from ralph.prepare.services import Service
from ralph.settings.layers import SettingsFile
from ralph.settings.load import REPO_FILE, resolve
from ralph.settings.schema import Settings
from ralph.trust import TrustState, Verdict

DEFAULT_TIMEOUT_S = 600
SLOW = 3  # times as long as it took
COMMENT_CHARS = 700
WIDTH = 110
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
HEAD = """\
# Ralph's settings for this repo. `ralph init` wrote them, after it tried each command in a fresh worktree{where} of
# commit {sha}. After an edit run `ralph trust`, where a line of it needs that. All settings: docs/settings.md of Ralph.
"""


def quoted(text: str) -> str:
    """A TOML basic string of any text; half a surrogate pair, which TOML cannot hold, becomes a replacement character."""
    return '"' + "".join(map(_escaped, text)) + '"'


def render(trial: Trial) -> str:
    """The whole file."""
    where = "" if trial.sandbox == "none" else " and sandbox"
    head = HEAD.format(sha=trial.sha[:10], where=where)
    blocks = [head, *_copies(trial), *_setup(trial.setup), *map(_check, trial.checks), *_services(trial)]
    return "\n".join(blocks)


def verified(text: str, path: Path, trial: Trial) -> bytes:
    """The file's bytes, after they were read as a run would read them.

    Raises:
        RalphError: they are not the settings that were meant; nothing may be written.
    """
    data = text.encode()
    settings = resolve(SettingsFile(path, data, REPO_FILE), None, {}, trust=Verdict(TrustState.TRUSTED)).settings
    if not _is_as_meant(settings, trial):
        raise RalphError(f"{path}: would not be read back as it was meant, so it was not written. Please report this.")
    return data


def place(path: Path, data: bytes, *, keep: bool = True) -> Path | None:
    """Write the file in one step. One that is there is kept beside it if wanted; where it is kept, else None.

    Raises:
        RalphError: it cannot be written; the old one is as it was.
    """
    try:
        kept = _keep(path) if keep and path.exists() else None
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".ralph-", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RalphError(
            f"{path}: cannot be written ({error.strerror}). Make the folder writable, or use --dry-run."
        ) from error
    return kept


def refuse_odd(path: Path) -> None:
    """Raises: RalphError when what stands at the place of the file is not a file of its own."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise RalphError(f"{path}: is no plain file, and init replaces only such a one. Move it away first.")


def _keep(path: Path) -> Path:
    number = 0
    while True:
        kept = path.with_name(f"{path.name}.bak" + (f".{number}" if number else ""))
        try:
            with kept.open("xb") as target, path.open("rb") as source:
                shutil.copyfileobj(source, target)
        except FileExistsError:
            number += 1
        else:
            return kept


def _is_as_meant(settings: Settings, trial: Trial) -> bool:
    setup = trial.setup.check if trial.setup and trial.setup.passed else None
    checks = settings.checks or ()
    return (
        [check.name for check in checks] == [_named(tried.check) for tried in trial.usable]
        and [check.network for check in checks] == [tried.check.network for tried in trial.usable]
        and (settings.setup is None) == (setup is None)
        and list(settings.copy_files) == list(trial.copies)
        and len(settings.services) == len(trial.services)
    )


def _named(check: Check) -> str:
    return check.name.encode("utf-8", "replace").decode()


def _escaped(char: str) -> str:
    if char in ESCAPES:
        return ESCAPES[char]
    if 0xD800 <= ord(char) <= 0xDFFF:
        return "?"
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def _copies(trial: Trial) -> Iterator[str]:
    lines = []
    if trial.copies:
        lines += ["# Ignored files that the commands below read.", f"copy = [{', '.join(map(quoted, trial.copies))}]"]
    for name in trial.offered_copies:
        why = "it may hold secrets, and the agent could read it" if may_hold_secrets(name) else "nobody said yes to it"
        every = [*trial.copies, name]
        lines += _comment(f"A command below reads {one_line(name)}. It is not copied: {why}. To copy it, write:")
        lines.append(f"# copy = [{', '.join(map(quoted, every))}]")
    if lines:
        yield _block(lines)


def _setup(tried: Tried | None) -> Iterator[str]:
    if tried is None:
        return
    about = "Runs in every worktree, and again when a manifest changes. It alone writes lock files."
    body = ["[setup]", *_body(tried, named=False, is_active=tried.passed)]
    if tried.passed:
        yield _block([*_comment(about), *body])
    else:
        yield _block([*_why_not(tried), *_comment(about), *_commented(body)])


def _check(tried: Tried) -> str:
    found = tried.diagnosis
    body = ["[[checks]]", *_body(tried, named=True, is_active=found.is_usable)]
    if tried.passed:
        return _block(body)
    if found.is_usable:
        remedy = "" if found.kind is Kind.RED else f" {found.remedy}"
        return _block([*_comment(f"Red as things are: {found.reason}.{remedy}"), *body])
    return _block([*_why_not(tried), *_commented(body)])


def _why_not(tried: Tried) -> list[str]:
    return _comment(f"Not active: {tried.diagnosis.reason}. {tried.diagnosis.remedy} Then take the marks away.")


def _body(tried: Tried, *, named: bool, is_active: bool) -> Iterator[str]:
    check = tried.check if is_active else wanted(tried)
    if named:
        yield f"name = {quoted(check.name)}"
    yield f"command = {quoted(check.command)}"
    if check.cwd != ".":
        yield f"cwd = {quoted(check.cwd)}"
    if check.env:
        yield f"env = {{ {', '.join(f'{_key(name)} = {quoted(value)}' for name, value in check.env.items())} }}"
    timeout_s = max(check.timeout_s, SLOW * tried.duration_s)
    if timeout_s != DEFAULT_TIMEOUT_S:
        yield f"timeout_s = {math.ceil(timeout_s)}"
    if check.network:
        yield "network = true"
    elif wanted(tried).network:
        yield "# network = true"


def _services(trial: Trial) -> Iterator[str]:
    for service in trial.services:
        about = "Started in your checkout, outside of the sandbox, before the checks."
        yield _block([*_comment(about), *_service(service)])
    for need in trial.offered_services:
        known = service_of(need)
        if known:
            example = "" if is_from_compose(need) else "An example, as nothing in the repo says how it is started. "
            about = f"Not active: a check needs {need.name} ({need.why}). {example}A check reaches it with `network = true` only."
            yield _block([*_comment(about), *_commented(_service(known))])


def _service(service: Service) -> Sequence[str]:
    down = [f"down = {quoted(service.down)}"] if service.down else []
    return ["[[services]]", f"name = {quoted(service.name)}", f"up = {quoted(service.up)}", *down]


def _key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else quoted(name)


def _block(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    """Wrapped; whatever it is made of, each line of it is a comment."""
    return textwrap.wrap(one_line(text, COMMENT_CHARS), WIDTH, initial_indent="# ", subsequent_indent="# ")


def _commented(lines: Iterable[str]) -> list[str]:
    return [line if line.startswith("#") else f"# {line}" for line in lines]
