"""What the model asks, and who answers. Knows nothing about conversations; how a person is asked is an argument."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_AT_ONCE = 4
MOST_ROUNDS = 2
NO_ANSWER = "(no answer: decide yourself, and name it as an assumption)"


@dataclass(frozen=True)
class Question:
    question: str
    why: str = ""
    suggestions: tuple[str, ...] = ()  # the likeliest first


Ask = Callable[[Question, int, int], str]
"""Asks one question, the first number of so many; "" is no answer."""


class Answers:
    """Answers that were given beforehand, in order, then those of a person; without either nobody is there to ask."""

    def __init__(self, given: Sequence[str] = (), person: Ask | None = None) -> None:
        self._given, self._person = list(given), person
        self._rounds = 0

    @property
    def can_answer(self) -> bool:
        return bool(self._given) or self._person is not None

    def problem(self, questions: Sequence[object]) -> str | None:
        """Why these questions are not put, for the model."""
        if self._rounds >= MOST_ROUNDS:
            return f"ask: {MOST_ROUNDS} rounds of questions were asked. Decide the rest yourself, and propose."
        if not 1 <= len(questions) <= MOST_AT_ONCE:
            return f"ask: 1 to {MOST_AT_ONCE} questions at a time; these are {len(questions)}. Keep those that matter most."
        return None

    def ask(self, questions: Sequence[Question]) -> str:
        """All questions with their answers, for the model."""
        self._rounds += 1
        told = [self._one(question, number, len(questions)) for number, question in enumerate(questions, 1)]
        return "\n\n".join(
            f"{number}. {question.question}\n{answer or NO_ANSWER}"
            for number, (question, answer) in enumerate(zip(questions, told, strict=True), 1)
        )

    def _one(self, question: Question, number: int, of: int) -> str:
        if self._given:
            return self._given.pop(0)
        return self._person(question, number, of) if self._person else ""


def question_of(given: Mapping[str, Any]) -> Question:
    return Question(given["question"], given.get("why", ""), tuple(given.get("suggestions", [])))
