"""Circles in a graph of dependencies. Knows nothing of PRDs."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def find_cycles(depends_on: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Each circle as the ids along it, from the one that `depends_on` holds first, which is repeated at the end.

    Of circles that share an id only one is given. Ids that `depends_on` does not hold as keys are passed over.
    """
    left = {key: [other for other in others if other in depends_on] for key, others in depends_on.items()}
    cycles = []
    while cycle := _any_cycle(left):
        cycles.append(_from_the_first(cycle, list(depends_on)))
        left = {key: others for key, others in left.items() if key not in cycle}
    return cycles


def _any_cycle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """The ids along one circle, each once; none when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[:0:-1]  # the sorter goes from a dependency to what needs it
    return []


def _from_the_first(cycle: list[str], order: Sequence[str]) -> list[str]:
    start = cycle.index(min(cycle, key=order.index))
    return [*cycle[start:], *cycle[:start], cycle[start]]
