"""The tokens of source code that tell one test from another: names, numbers, texts. Works line by line for any language."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

STRING = re.compile(
    r'"""(.*?)"""|\'\'\'(.*?)\'\'\'|"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`((?:[^`\\]|\\.)*)`', re.DOTALL
)
NUMBER = re.compile(r"(?<![\w.])\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?\b")
NAME = re.compile(r"\b[A-Za-z_]\w{2,}\b")
COMMENT = re.compile(r"(?:^|(?<=\s))(?:#(?!\[)|//).*$", re.MULTILINE)
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_COMMON_WORDS = (
    "assert def self test tests expect equal equals it describe func function fn let const var return import from for the and "
    "not none true false null undefined async await require assert_eq assertequal tobe toequal strictequal deepequal deepstrictequal "
    "error errorf fatalf fatal testing pytest mark parametrize with class use super mod pub mut new got want range len err nil string "
    "int str list dict assert_ne should strict node ok"
)
COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True)
class Tokens:
    """`literals` are numbers and texts; `names` identifiers that are no part of the language or its test library."""

    literals: frozenset[str]
    names: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        return self.literals | self.names


def tokens(text: str) -> Tokens:
    """The tokens of a piece of code; what stands in comments does not count."""
    bare = COMMENT.sub("", text)
    strings = [next((group for group in groups if group), "") for groups in STRING.findall(bare)]
    code = STRING.sub(" ", bare)
    literals = {string.strip() for string in strings if string.strip()} | set(NUMBER.findall(code))
    return Tokens(frozenset(literals), frozenset(name for name in NAME.findall(code) if name.lower() not in COMMON))


def with_words(found: Iterable[str]) -> frozenset[str]:
    """The tokens, and the words inside of the texts among them."""
    whole = set(found)
    return frozenset(whole | {word for text in whole for word in re.findall(r"[A-Za-z_]\w+|\d[\d.]*\d|\d", text)})


def words_of(identifier: str) -> list[str]:
    """`grandTotal`, `grand_total` -> grand, total; lower case."""
    return [part.lower() for part in PARTS.findall(identifier)]
