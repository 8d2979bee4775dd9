"""The shape of JSON: which types stand at which path, learned from examples, and in words what is different about another one.

A path is `user.name` or `items[].price`. What is learned counts examples, not places: a list of 50 rows is one observation.
Null counts as missing: services leave a field out and fill it with null for the same reason.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from tracing.span import JsonValue

FEW = 3  # examples before anything is said
MANY = 8  # examples before one field that is missing is worth a word: fields that are often there are not always there
_PATHS, _PLACES = 200, 4_000  # looked at in one value
_DATA_KEY = re.compile(r"\d\d|[^\w$@:-]")
_ROWS = 20  # of a list
_DEPTH = 6
_NAMED = 4  # differences spelled out

Shape = dict[str, frozenset[str]]
_NULL = frozenset({"null"})
_OBJECT = "an object"
_KINDS = {type(None): "null", bool: "true/false", int: "a number", float: "a number", str: "text", list: "a list"}


def kind_of(value: JsonValue) -> str:
    """In a person's words; numbers are of one kind."""
    return _KINDS.get(type(value), _OBJECT)


def shape_of(value: JsonValue) -> Shape:
    """Types by path; "" is the value itself. Empty where the value is too big to be looked at whole."""
    kinds: dict[str, set[str]] = {}
    places: Counter[str] = Counter()
    objects: Counter[str] = Counter()
    for number, (path, at) in enumerate(_places(value)):
        if number >= _PLACES or len(kinds) > _PATHS:
            return {}
        kind = kind_of(at)
        kinds.setdefault(path, set()).add(kind)
        places[path] += 1
        objects[path] += kind == _OBJECT
    optional = {path for path in kinds if _is_field(path) and places[path] < objects[_parent(path)]}
    return {path: frozenset(found | {"null"} if path in optional else found) for path, found in kinds.items()}


def _places(value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    waiting: list[tuple[str, int, JsonValue]] = [("", 0, value)]
    while waiting:
        path, depth, at = waiting.pop()
        yield path, at
        if depth < _DEPTH and isinstance(at, dict | list):
            waiting.extend((below, depth + 1, child) for below, child in _children(path, at))


def _children(path: str, value: JsonValue) -> list[tuple[str, JsonValue]]:
    if isinstance(value, list):
        return [(f"{path}[]", row) for row in reversed(value[:_ROWS])]
    if isinstance(value, Mapping):
        fields = [(_key(key), child) for key, child in reversed(list(islice(value.items(), _PLACES)))]
        return [(f"{path}.{key}" if path else key, child) for key, child in fields]
    return []


def _key(key: str) -> str:
    """A key that is data (an id, a date, a title) and not a name stands for all its like."""
    return "*" if len(key) > 40 or _DATA_KEY.search(key) else key


def _is_field(path: str) -> bool:
    """Whether it is a named field of an object, and neither the value itself, a row, nor one of many keys that are data."""
    return bool(path) and not path.endswith(("[]", "*"))


def _parent(path: str) -> str:
    return path[:-2] if path.endswith("[]") else path.rpartition(".")[0]


@dataclass
class LearnedShape:
    """What a tool's JSON has looked like so far."""

    seen: int = 0
    _kinds: dict[str, Counter[str]] = field(default_factory=dict)  # at a path, in how many examples each kind stood
    _had: Counter[str] = field(default_factory=Counter)  # in how many examples a path held more than null

    def learn(self, shape: Shape) -> None:
        self.seen += 1
        for path, kinds in shape.items():
            if path in self._kinds or len(self._kinds) < 4 * _PATHS:
                self._kinds.setdefault(path, Counter()).update(kinds)
                self._had[path] += kinds != _NULL

    def differences(self, shape: Shape) -> tuple[str, ...]:
        """In words, the gravest first; none where the example is within what was seen, or too little was."""
        if self.seen < FEW:
            return ()
        retyped = [words for path, kinds in shape.items() if (words := self._retyped(path, kinds))]
        if "" in shape and self._kinds.get("", Counter()).keys().isdisjoint(shape[""]):
            return tuple(retyped[:1])
        differences = [*retyped, *self._missing(shape)]
        rest = len(differences) - _NAMED
        return (*differences[:_NAMED], *([f"and {rest} more differences"] if rest > 0 else []))

    def _retyped(self, path: str, kinds: frozenset[str]) -> str:
        before = self._kinds.get(path, Counter())
        known = {kind for kind in before if kind != "null"}
        new = kinds - known - {"null"}
        if len(known) != 1 or not new or before[next(iter(known))] < FEW:
            return ""
        was = next(iter(known))
        return f"{_named(path)} was {was} in {before[was]} results, now {' or '.join(sorted(new))}"

    def _missing(self, shape: Shape) -> list[str]:
        """One field may be optional; half of an object's fields at once, or one that went as another came, are not."""
        gone = [path for path in self._required() if self._is_gone(path, shape)]
        words: list[str] = []
        for parent in dict.fromkeys(map(_parent, gone)):
            lost = [path for path in gone if _parent(path) == parent]
            required = [path for path in self._required() if _parent(path) == parent]
            added = [path for path in shape if path not in self._kinds and path and _parent(path) == parent]
            if 2 <= len(lost) >= len(required) / 2 or len(added) >= len(lost) or self._objects(parent) >= MANY:
                news = (
                    f" ({', '.join(map(_named, added[:2]))} {'is' if len(added) == 1 else 'are'} new)" if added else ""
                )
                words.extend(
                    f"{_named(path)} is gone after {self._had[path]} results that had it{news}" for path in lost
                )
        return words

    def _required(self) -> list[str]:
        """Fields that no example lacked."""
        return [
            path
            for path, kinds in self._kinds.items()
            if _is_field(path) and not kinds["null"] and self._had[path] >= max(FEW, self._objects(_parent(path)))
        ]

    def _is_gone(self, path: str, shape: Shape) -> bool:
        """The object that had it is still there, and it is not, or is null."""
        return "an object" in shape.get(_parent(path), ()) and shape.get(path, _NULL) <= _NULL

    def _objects(self, path: str) -> int:
        return self._kinds.get(path, Counter())["an object"]


def _named(path: str) -> str:
    return f"`{path}`" if path else "the result"
