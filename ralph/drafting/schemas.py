"""The model's own tools when it drafts or judges, as it sees them: constant, so that the prompt cache holds."""

from typing import Any

Schema = dict[str, Any]


def _object(properties: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _text(description: str = "") -> Schema:
    return {"type": "string", **({"description": description} if description else {})}


def _list(items: Schema, description: str = "") -> Schema:
    return {"type": "array", "items": items, **({"description": description} if description else {})}


ASK: Schema = {
    "name": "ask",
    "description": "Ask the person who wants this, at most 4 questions at once and twice in all. Only what the code cannot "
    "tell and what changes the stories. The answers come back as the result.",
    "input_schema": _object(
        {
            "questions": _list(
                _object(
                    {
                        "question": _text("One sentence, for somebody who does not have the code open."),
                        "why": _text("What hangs on it, in a few words."),
                        "suggestions": _list(_text(), "Answers to choose from, the likeliest first."),
                    },
                    "question",
                )
            )
        },
        "questions",
    ),
}

PROPOSE: Schema = {
    "name": "propose",
    "description": "Hand in the stories, in the order in which they are to be done. What is wrong or weak comes back as an "
    "error: mend it and propose the whole again. The person sees what was accepted and decides.",
    "input_schema": _object(
        {
            "project": _text("The name of the product."),
            "branch": _text("A git branch for the work, as ralph/due-dates."),
            "description": _text(
                "What will be there at the end, what is left out on purpose, which assumptions were made."
            ),
            "stories": _list(
                _object(
                    {
                        "title": _text("Begins with a verb, one line."),
                        "description": _text("Who wants it, why, and where in the code it goes."),
                        "acceptanceCriteria": _list(_text(), "Two to six; the checks that must pass come last."),
                        "dependsOn": _list(
                            _text(),
                            'What it needs: "#1" for the first story of this proposal, or the id of a story in the PRD.',
                        ),
                    },
                    "title",
                    "description",
                    "acceptanceCriteria",
                )
            ),
        },
        "project",
        "branch",
        "description",
        "stories",
    ),
}

REPORT: Schema = {
    "name": "report",
    "description": "Hand in what you found, once. An empty list says that the stories are fine.",
    "input_schema": _object(
        {
            "findings": _list(
                _object(
                    {
                        "story": _text("The story's id."),
                        "kind": {"type": "string", "enum": ["too_big", "vague", "uncheckable", "order"]},
                        "what": _text("One sentence."),
                        "remedy": _text("One sentence."),
                    },
                    "story",
                    "kind",
                    "what",
                    "remedy",
                )
            )
        },
        "findings",
    ),
}
