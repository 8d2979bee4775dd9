"""What the rules know of one test, whatever its language."""

from dataclasses import dataclass
from enum import IntEnum


class Strength(IntEnum):
    """How much an assertion can notice."""

    NOTHING = 0  # true whatever the code does
    PRESENCE = 1  # something is there, or is true
    PART = 2  # an order, a membership, a length
    EXACT = 3


@dataclass(frozen=True)
class Assertion:
    text: str
    strength: Strength
    subject: str = ""  # what is looked at, where it can be told from what is expected
    line: int = 0
    tolerance: float = 0.0  # of a comparison of floating-point numbers; 0: none or unknown
    swallowed: bool = False  # its failure is caught, or it is never reached
    expected: str = ""


@dataclass(frozen=True)
class TestCase:
    """One test as it stands in a file."""

    name: str  # with what it stands in: "TestCart.test_total", "cart > adds up"
    line: int
    source: str
    asserts: tuple[Assertion, ...] = ()
    skip: str = ""  # the words that skip it; empty: it runs
    condition: str = ""  # when it is skipped; empty: always
    focus: str = ""  # the words that make it run alone
    leaves: str = ""  # a return before its first assertion
    cases: int = 0  # rows of its table; 0: no table
    path: str = ""

    @property
    def short(self) -> str:
        """The test's own name, without what it stands in."""
        return (
            self.name.rsplit(" > ", 1)[-1].rsplit(".", 1)[-1]
            if " > " not in self.name
            else self.name.rsplit(" > ", 1)[-1]
        )

    @property
    def live(self) -> tuple[Assertion, ...]:
        """The assertions that can fail the test."""
        return tuple(item for item in self.asserts if not item.swallowed and item.strength > Strength.NOTHING)
