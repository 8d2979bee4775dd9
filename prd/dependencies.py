"""Circles in a graph of dependencies. Knows nothing of PRDs."""

from collections.abc import Mapping, Sequence


def find_cycles(depends_on: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Each circle as the ids along it, the first one repeated at the end; circles that share an id are given as one.

    Ids that `depends_on` does not hold as keys are passed over.
    """
    left = {key: [other for other in others if other in depends_on] for key, others in depends_on.items()}
    cycles = []
    while left := _without_free_ones(left):
        cycle = _walk(left)
        cycles.append(cycle)
        left = {key: others for key, others in left.items() if key not in cycle}
    return cycles


def _without_free_ones(graph: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What remains when everything that waits for nothing is done, again and again."""
    left = {key: list(others) for key, others in graph.items()}
    while True:
        still = {key: [other for other in others if other in left] for key, others in left.items()}
        still = {key: others for key, others in still.items() if others}
        if len(still) == len(left):
            return still
        left = still


def _walk(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """Every id has a successor, so following the first one ends in a circle."""
    path = [next(iter(graph))]
    while (following := graph[path[-1]][0]) not in path:
        path.append(following)
    return [*path[path.index(following) :], following]
