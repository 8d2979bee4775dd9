"""A run dies before and after every durable effect, and the next one finishes: nothing is lost, nothing is done twice.

`make test` plays a few histories of several deaths each; `make test-slow` an eighth of the points' names in each kind of
run, another eighth in each; `make soak` (RALPH_SOAK=1) every point that is reached in each kind, by exit and by SIGKILL of
the group, and random pairs, where the second one hits the recovery. `python -m tests.faults.deaths` plays a sample and
prints figures.
"""

import os
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

IS_SOAK = os.environ.get("RALPH_SOAK") == "1"
VARIANTS = ("tracked", "untracked", "jobs", "in-place")
PAIRS = 208 if IS_SOAK else 8
SHARES = 16 if IS_SOAK else 2  # the points are dealt out to so many tests, which run side by side

# one repository's history: the deaths that are likeliest to matter, the second and later ones during recovery
HISTORIES = {
    "tracked": [
        "exit:after git worktree#1",
        "kill:inside ledger reserve#1",
        "exit:reply message_delta#2",
        "kill:before git update-ref#1",
        "exit:after git update-ref#1",
        "kill:after remove worktree#1",
    ],
    "untracked": [
        "kill:after request#1",
        "exit:after move worktree aside#1",
        "exit:after git update-ref#1",
        "kill:before move PRD#1",
        "exit:before story flag#1",
    ],
    "in-place": [
        "kill:after git update-ref#1",
        "exit:before remove in-place journal#1",
        "kill:after write in-place journal#1",
    ],
}

pytestmark = [
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for orphans in /proc"),
    pytest.mark.timeout(3600 if IS_SOAK else 300),
]
Crash = Callable[..., None]


@pytest.fixture(scope="module")
def forks(crashing: Any) -> Iterator[Any]:
    with crashing.forking() as forks:
        yield forks


@pytest.fixture(scope="module")
def variants() -> dict[str, Any]:
    """Those that were made in this process so far."""
    return {}


@pytest.fixture
def variant_of(variants: dict[str, Any], crashing: Any, whole_runs: Any, forks: Any, tmp_path_factory: Any) -> Any:
    def make(name: str) -> Any:
        if name not in variants:
            folder = tmp_path_factory.mktemp(name)
            variants[name] = crashing.make_variant(name, folder, forks=forks, whole_runs=whole_runs)
        return variants[name]

    return make


@pytest.fixture
def crash(crashing: Any, whole_runs: Any, forks: Any, tmp_path: Path) -> Crash:
    """Play one history in a repository of its own."""

    def crash(variant: Any, *failpoints: str) -> None:
        folder = tmp_path / "world"
        with crashing.in_a_copy(
            variant, folder, world=whole_runs.World, forks=forks, bills=whole_runs.billed_micros
        ) as run:
            run.die_and_recover(*failpoints)

    return crash


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "tracked" else pytest.mark.slow) for name in HISTORIES]
)
def test_a_run_that_dies_again_and_again_is_finished_by_the_next_one(variant_of: Any, crash: Crash, name: str) -> None:
    variant = variant_of(name)
    known = set(variant.points)
    assert {point.partition(":")[2] for point in HISTORIES[name]} <= known, "a failpoint has another name now"
    crash(variant, *HISTORIES[name])


def is_dealt(point: str, variant: str) -> bool:
    """Whether `make test-slow` tries it in this kind of run: when it is first reached, and the same ones each time."""
    return point.endswith("#1") and zlib.crc32(point.encode()) % (2 * len(VARIANTS)) == VARIANTS.index(variant)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("name", VARIANTS)
def test_a_run_that_dies_at_any_point_is_finished_by_the_next_one(
    variant_of: Any, crash: Crash, name: str, share: int
) -> None:
    variant = variant_of(name)
    points = variant.points if IS_SOAK else [point for point in variant.points if is_dealt(point, name)]
    kinds = ("exit", "kill")
    for number, point in enumerate(points):
        if number % SHARES == share:
            for kind in kinds if IS_SOAK else (kinds[number // SHARES % 2],):
                crash(variant, f"{kind}:{point}")


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_a_run_that_dies_and_dies_in_recovery_is_finished_by_the_next_one(
    variant_of: Any, crash: Crash, share: int
) -> None:
    dice = random.Random(f"pairs {share}")
    for _ in range(PAIRS // SHARES):
        variant = variant_of(dice.choice(VARIANTS))
        first, second = dice.choice(variant.points), dice.randrange(1, len(variant.points))
        crash(variant, f"{dice.choice(('exit', 'kill'))}:{first}", f"{dice.choice(('exit', 'kill'))}:{second}")
