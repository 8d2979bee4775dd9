"""`ralph init` from end to end: look, try, write, trust. What it did comes back as data; printing it is not done here."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from prd.errors import PrdError
from prd.find import find_prd
from ralph.detect import detect
from ralph.detect.missing import smallest_example
from ralph.detect.proposal import Proposal
from ralph.errors import RalphError
from ralph.files import write_atomically
from ralph.home import Home, find_home
from ralph.init.consent import Consent
from ralph.init.result import Trial
from ralph.init.surroundings import look_around
from ralph.init.trial import Bench
from ralph.init.write import place, refuse_odd, render, verified
from ralph.sandbox.choose import choose_sandbox
from ralph.settings.layers import Layer, SettingsFile, file_source
from ralph.settings.load import REPO_FILE, read_file, resolve
from ralph.settings.places import TomlError
from ralph.settings.problems import SettingsError, validated
from ralph.trust import sha256_of, trust_bytes
from ralph.workspace.repo import Repo

TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    repo: Path
    force: bool = False
    dry_run: bool = False
    timeout_s: float = TIMEOUT_S
    consent: Consent = field(default_factory=Consent)


@dataclass(frozen=True)
class Outcome:
    """`text` is the file, written or not; empty when there is nothing to write. `example` is for a repo without checks."""

    root: Path
    proposal: Proposal
    trial: Trial | None = None
    text: str = ""
    written: Path | None = None
    kept: Path | None = None  # where the file that was there before is now
    example: str = ""
    has_prd: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        """At least one check says something about the code here."""
        return self.trial is not None and bool(self.trial.usable)


def initialise(request: Request, say: Callable[[str], None]) -> Outcome:
    """Find the checks, try them, write what works. `say` gets a line for each step.

    Raises:
        RalphError: no repo to work on, `ralph.toml` is there already, or it cannot be written.
    """
    home = find_home()
    repo = Repo.open(request.repo)
    file = repo.root / REPO_FILE
    draft = _Draft(home, repo, file)
    if not request.dry_run:
        refuse_odd(file)
        if not request.force and not draft.is_untouched:
            _refuse_existing(file)
    proposal = detect(repo.root)
    outcome = Outcome(repo.root, proposal, has_prd=_has_prd(repo.root))
    if not proposal.checks:
        return replace(outcome, example=smallest_example(repo.root))
    say(_found(proposal))
    bench, notes = _bench(request, repo, home, say)
    trial = bench.try_out(proposal)
    text = render(trial)
    data = verified(text, file, trial)
    outcome = replace(outcome, trial=trial, text=text, notes=tuple(notes))
    return outcome if request.dry_run else replace(outcome, written=file, kept=_write(draft, trial, data))


def _write(draft: "_Draft", trial: Trial, data: bytes) -> Path | None:
    """Where the file that was there is kept, if there was one."""
    kept = place(draft.file, data, keep=not draft.is_untouched)
    draft.remember(b"" if trial.usable else data)
    trust_bytes(draft.home, draft.file, data)
    return kept


@dataclass(frozen=True)
class _Draft:
    """A file that init wrote without any check that runs: as long as nobody touched it, init may write it anew."""

    home: Home
    repo: Repo
    file: Path

    @property
    def is_untouched(self) -> bool:
        try:
            return self._mark.read_text() == sha256_of(self.file.read_bytes())
        except OSError:
            return False

    def remember(self, data: bytes) -> None:
        """Empty: it is no draft any more."""
        write_atomically(self._mark, sha256_of(data).encode() if data else b"", "init mark")

    @property
    def _mark(self) -> Path:
        return self.home.folder("init") / f"{self.repo.id[:16]}.draft"


def _bench(request: Request, repo: Repo, home: Home, say: Callable[[str], None]) -> tuple[Bench, list[str]]:
    user_file = read_file(home.config, str(home.config))
    settings = resolve(None, user_file, {}).settings
    sandbox, warning = choose_sandbox(
        settings.sandbox, home, caches=settings.caches, limits=settings.resources, hide=[repo.root]
    )
    notes = [warning] if warning else []
    if dirty := repo.dirty_files():
        changed = f"{len(dirty)} changed file{'s are' if len(dirty) > 1 else ' is'}"
        notes.append(f"{changed} not committed; the checks were tried on the last commit.")
    bench = Bench(repo, home, sandbox, look_around(repo), request.consent, say, request.timeout_s)
    return bench, notes


def _found(proposal: Proposal) -> str:
    names = ", ".join(check.name for check in proposal.checks)
    return f"found {', '.join(proposal.ecosystems)}: {names}. Each is tried now, in a worktree of the last commit."


def _refuse_existing(file: Path) -> None:
    found = read_file(file, REPO_FILE)
    if found is not None:
        raise RalphError(
            f"{file} is there already ({_summary(found)}). `ralph init --dry-run` prints what init would write; "
            f"`ralph init --force` writes it, and keeps yours as {REPO_FILE}.bak."
        )


def _summary(found: SettingsFile) -> str:
    """What it holds, in a few words."""
    try:
        source = file_source(Layer.REPO, found)
        checks = validated(source).checks or ()
    except (TomlError, SettingsError):
        return "and cannot be read as settings"
    other = [name for name in source.tables if name != "checks"]
    parts = [f"checks: {', '.join(check.name for check in checks)}" if checks else "no checks"]
    return "; ".join([*parts, *([f"sets {', '.join(other)}"] if other else [])])


def _has_prd(root: Path) -> bool:
    try:
        find_prd(root)
    except PrdError:
        return False
    return True
