"""What a run stands on: the repo, its PRD, the settings and the checks, read once before anything is changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from prd.find import find
from prd.read import read_good
from prd.story import Prd
from ralph.board import PrdPlace, locate_prd
from ralph.checks.check import Check
from ralph.detect import detect_checks
from ralph.detect.missing import smallest_example
from ralph.errors import RalphError
from ralph.home import Home, find_home
from ralph.model.access import price_book, price_notes, require_models
from ralph.roles import Role, models_of
from ralph.sandbox.choose import require_bash
from ralph.settings.load import Loaded, load_settings
from ralph.workspace.branch import BranchPlan, default_branch_name, plan_branch
from ralph.workspace.repo import Repo
from tracing.prices import PriceBook

NO_CHECKS = (
    "{root}: no checks are set and none were found, and Ralph does not take the agent's word.\n{example}\n\n"
    "To go without (commits are marked unchecked and stories stay open), add --set run.allow_unchecked=true."
)


@dataclass(frozen=True)
class RunRequest:
    """What the command line asks for."""

    repo: Path
    prd: Path | None = None
    story: str | None = None
    in_place: bool = False
    by_hand: Path | None = None
    recording: Path | None = None
    overrides: Mapping[str, object] = field(default_factory=dict)
    until: datetime | None = None  # when the run has to end at the latest

    @property
    def is_played(self) -> bool:
        """Whether a person or a recording is the model."""
        return bool(self.by_hand or self.recording)


@dataclass(frozen=True)
class Look:
    """The repo, its PRD and the settings: enough to say how things stand, without checks, prices or an identity."""

    home: Home
    repo: Repo
    place: PrdPlace
    prd: Prd
    loaded: Loaded
    plan: BranchPlan
    notes: tuple[str, ...]  # which PRD was taken, and how it was read


@dataclass(frozen=True)
class Ground(Look):
    """What a run stands on, read once and pinned before the agent starts."""

    checks: tuple[Check, ...]
    prices: PriceBook


def look(request: RunRequest, home: Home | None = None) -> Look:
    """Read the repo, its PRD and the settings; change nothing. `home` None: the one that the environment names.

    Raises:
        RalphError, PrdError: something is not usable; the message says what to do.
    """
    home = home or find_home()
    repo = Repo.open(request.repo)
    found = find(repo.root, request.prd)
    place = locate_prd(repo, found.path)
    document = read_good(place.path, place.name)[1]
    notes = (*found.notes(repo.root), *document.notes)
    loaded = load_settings(repo.root, home, request.overrides)
    plan = plan_of(repo, document.prd, loaded, in_place=request.in_place)
    return Look(home, repo, place, document.prd, loaded, plan, notes)


def survey(request: RunRequest) -> Ground:
    """As `look`, and the checks and prices that a run needs.

    Raises:
        RalphError, PrdError: as `look`; or there is no bash, no check, no price for the model, nobody to commit as.
    """
    seen = look(request)
    require_bash()
    settings = seen.loaded.settings
    checks = settings.checks if settings.checks is not None else tuple(detect_checks(seen.repo.root))
    if not checks and not settings.run.allow_unchecked:
        raise RalphError(NO_CHECKS.format(root=seen.repo.root, example=smallest_example(seen.repo.root)))
    prices = price_book(settings)
    models = models_of(settings, Role.FIRST, Role.RETRY)
    require_models(settings, prices, models, played=request.is_played)
    seen.repo.identity()
    notes = (*seen.notes, *price_notes(settings, prices, models))
    return Ground(**(vars(seen) | {"notes": notes}), checks=checks, prices=prices)


def plan_of(repo: Repo, prd: Prd, loaded: Loaded, *, in_place: bool = False) -> BranchPlan:
    """Where the commits go, as things are now; asked once more when the branch is locked."""
    return plan_branch(repo, wanted_branch(repo, prd), base=loaded.settings.run.base, in_place=in_place)


def wanted_branch(repo: Repo, prd: Prd) -> str:
    """The branch that the PRD names, else one named after the project."""
    return prd.branch_name or default_branch_name(prd.project, repo.root.name)
