"""Probes of what a run works with: settings, model, PRD, checks. No model is called."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from prd.check import summary_line
from prd.find import find
from prd.read import read_good
from ralph.board import locate_prd
from ralph.brief.companions import loop_prompts
from ralph.checks.check import Check
from ralph.detect import detect_checks
from ralph.doctor.finding import Finding, Patient, Status
from ralph.model.access import KEY_VARIABLES, price_book, require_access, require_models
from ralph.prepare.copies import find_copies
from ralph.roles import Role, models_of
from ralph.settings.load import load_settings
from ralph.trust import TrustState
from tracing.prices import UnknownPriceError

TRUST_WORDS = {
    TrustState.TRUSTED: "trusted as it is",
    TrustState.CHANGED: "changed since it was trusted, and loosens nothing",
    TrustState.UNKNOWN: "loosens nothing",
}
ASSIGNMENT = re.compile(r"\w+=")
GOES_ON = {"if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "exec", "command", "env", "nice"}
BUILTINS = frozenset(
    [
        "cd",
        "export",
        "set",
        "unset",
        "test",
        "[",
        "[[",
        "echo",
        "printf",
        "true",
        "false",
        ":",
        "source",
        ".",
        "exit",
        "eval",
        "ulimit",
        "umask",
        "trap",
        "wait",
        "shift",
        "read",
        "for",
        "case",
        "in",
        "fi",
        "done",
        "esac",
        "}",
        "local",
        "return",
        "pushd",
        "popd",
    ]
)


def settings(patient: Patient) -> Iterator[Finding]:
    """Raises: RalphError when they cannot be used; the message has file, line and remedy."""
    loaded = load_settings(patient.root, patient.home)
    if loaded.repo_file:
        found = f"ralph.toml ({TRUST_WORDS[loaded.trust]})"
    else:
        found = "no ralph.toml: the defaults, which `ralph init` writes down"
    yield Finding("settings", Status.OK, found + (f", over {loaded.user_file.path}" if loaded.user_file else ""))


def model(patient: Patient) -> Iterator[Finding]:
    """Whether it can be called and paid for; keys are named, never shown. Raises: RalphError when it cannot be called."""
    if patient.loaded is None:
        return
    chosen = patient.loaded.settings
    names = models_of(chosen, Role.FIRST, Role.RETRY)
    prices = price_book(chosen, patient.environ)
    try:
        for name in names:
            prices.check(name)
    except UnknownPriceError as error:
        yield Finding("prices", Status.FAIL, str(error), "name another model, or give its price in config.toml")
    else:
        yield Finding("prices", Status.OK, f"of {', '.join(names)} are known")
    require_models(chosen, prices, names, patient.environ)
    require_access(chosen, patient.environ)
    variables = [name for name in (*KEY_VARIABLES, "ANTHROPIC_BASE_URL") if patient.environ.get(name)]
    if chosen.provider != "anthropic":
        found = f"{chosen.provider}: its credentials are there"
    else:
        found = " and ".join([f"{name} is set" for name in variables] or ["none, which is for the server to mind"])
    server = f"; calls go to {chosen.base_url}" if chosen.base_url else ""
    yield Finding("key", Status.OK, found + server)


def prd(patient: Patient) -> Iterator[Finding]:
    """Raises: PrdError when there is none, or it cannot be read."""
    if patient.repo is None and patient.prd is None:
        return
    found = find(patient.root, patient.prd)
    name = locate_prd(patient.repo, found.path).name if patient.repo else str(found.path)
    _, document = read_good(found.path, name)
    yield Finding("PRD", Status.OK, summary_line(document.prd, name))
    for note in (*found.notes(patient.root), *document.notes):
        yield Finding("PRD", Status.OK, note)


def prompts(patient: Patient) -> Iterator[Finding]:
    """What another loop would tell its agent, and Ralph does not."""
    if found := loop_prompts(patient.root):
        what = f"not used: {', '.join(found)}, the prompts of another loop, whose work Ralph does itself"
        remedy = "nothing; rules that your project needs belong into AGENTS.md, which every agent is shown"
        yield Finding("prompts", Status.OK, what, remedy)


def checks(patient: Patient) -> Iterator[Finding]:
    if patient.repo is None or patient.loaded is None:
        return
    chosen = patient.loaded.settings
    found = chosen.checks if chosen.checks is not None else tuple(detect_checks(patient.root))
    if not found:
        unchecked = chosen.run.allow_unchecked
        what = "none; commits are marked unchecked" if unchecked else "none are set and none were found"
        remedy = "ralph init looks for them and writes ralph.toml; or add a [[checks]] there"
        yield Finding("checks", Status.WARN if unchecked else Status.FAIL, what, remedy)
        return
    names = ", ".join(check.name for check in found)
    yield Finding("checks", Status.OK, f"{names} ({'ralph.toml' if chosen.checks is not None else 'found by looking'})")
    for check in [*([chosen.setup] if chosen.setup else []), *found]:
        yield from _missing_programs(patient, "checks", check, patient.root / check.cwd)


def needs(patient: Patient) -> Iterator[Finding]:
    """What the checks find beside the tree: services, and ignored files that are copied."""
    if patient.repo is None or patient.loaded is None:
        return
    chosen = patient.loaded.settings
    for service in chosen.services:
        yield from _missing_programs(patient, "needs", Check(name=service.name, command=service.up), patient.root)
    for pattern in find_copies(patient.repo, chosen.copy_files).unmatched:
        what = f'copy: nothing here matches "{pattern}", so the worktrees go without it'
        yield Finding("needs", Status.WARN, what, "make the file, or take the pattern out of `copy`")


def _missing_programs(patient: Patient, area: str, check: Check, folder: Path) -> Iterator[Finding]:
    for program in dict.fromkeys(programs(check.command)):
        if not _is_there(patient, program, folder):
            remedy = "install it, or let `setup` in ralph.toml put it there"
            yield Finding(area, Status.WARN, f"{check.name}: {program} is not on PATH", remedy)


def _is_there(patient: Patient, program: str, folder: Path) -> bool:
    return (folder / program).exists() if "/" in program else patient.has(program)


def programs(command: str) -> Iterator[str]:
    """What a shell would look for on PATH, as far as that can be told without running it."""
    lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    begins = True
    try:
        for word in lexer:
            if set(word) <= set("();<>|&"):
                begins = not set(word) & set("<>")
            elif begins and word not in GOES_ON and not ASSIGNMENT.match(word):
                begins = False
                if word not in BUILTINS and not set(word) & set("$`*?~"):
                    yield word
    except ValueError:  # an open quote: the shell will say so
        return
