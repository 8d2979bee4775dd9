"""The keys under which people keep a PRD, its stories and what a story says: tables that the reader goes by."""

from collections.abc import Mapping

from prd.dialects.fields import Field

STORY_LISTS = ("userStories", "stories", "features", "tasks", "phases", "requirements", "user_stories", "items")
"""Of several lists of objects in one PRD the first of these is read."""

LISTS_IN_A_PHASE = ("tasks", "stories", "userStories", "user_stories", "features", "items")

COMMANDS = (
    "qualityGates",
    "quality_gates",
    "qualityCommands",
    "quality_commands",
    "validationCommands",
    "validation_commands",
    "testCommand",
    "test_command",
    "lintCommand",
    "lint_command",
    "buildCommand",
    "build_command",
    "testSteps",
)
"""What other loops have the agent run. Ralph runs what its own settings say, and nothing that stands in a PRD."""


def _table(*fields: Field) -> Mapping[str, Field]:
    return {known.key: known for known in fields}


PRD_FIELDS = _table(
    Field("project", '"My project"', ("name", "title")),
    Field("branchName", '"ralph/my-feature"', ("branch_name",), ("branch",)),
    Field("description", '"What this is about"', ("overview", "summary", "goal")),
)
STORIES = Field("userStories", "[...]", STORY_LISTS[1:], ("epics", "todos"))

STORY_FIELDS = _table(
    Field("id", '"US-001"', ("story_id", "storyId", "task_id", "taskId", "key"), ("identifier",)),
    Field("title", '"Add login page"', ("name", "summary", "story", "task")),
    Field("description", '"As a user, I want to log in"', ("details", "text", "body")),
    Field(
        "acceptanceCriteria",
        '["Typecheck passes"]',
        ("acceptance_criteria", "acceptance", "criteria", "steps", "steps_to_verify", "tests"),
        ("acceptanceTests",),
    ),
    Field("priority", "1", (), ("prio",)),
    Field("passes", "true or false", ("complete", "completed", "done", "tested"), ("pass", "passed", "passing")),
    Field("status", '"done"', (), ("state",)),
    Field("notes", '""'),
    Field(
        "dependsOn",
        '["US-001"]',
        ("depends_on", "dependencies", "blockedBy", "blocked_by"),
        ("deps", "depends", "dependency"),
    ),
    Field("parallel_group", "1", ("parallelGroup",), exact=True),
    Field("blocked", "true or false", exact=True),
    Field("optional", "true or false", exact=True),
)
ONE_LINE_TITLES = ("title", "name")
"""Under the other names of a title stands a text of any length, of which the title is made."""

MAY_BE_ANYTHING = ("steps", "steps_to_verify", "tests")
"""Criteria only when they hold texts; anything else under these names is somebody's own."""

NO_PART_OF_THE_WORK = (
    "labels",
    "tags",
    "metadata",
    "category",
    "assignee",
    "completionNotes",
    "completion_notes",
    "$schema",
)
"""Keys of a story that say nothing about what is to be done; nor do those that end with a time, as `createdAt`."""
