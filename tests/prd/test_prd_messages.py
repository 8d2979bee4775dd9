"""Every message that a user of a PRD may see, word for word."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prd.errors import PrdError
from prd.find import PLACES, find_prd
from prd.pick import pick
from prd.read import parse_prd, read_prd
from prd.story import Prd, Story
from prd.writeback import append_story, mark

STORY = '{"userStories": [{"id": "A", "title": "T"%s}]}'
EXAMPLE = '{"userStories": [{"id": "US-001", "title": "Add login page", "passes": false}]}'
PLACES_IN_ORDER = ", ".join(PLACES)

MESSAGES = [
    pytest.param("", 'prd.json:1:1: the file is empty. Write a PRD: {"userStories": [...]}', id="empty"),
    pytest.param(
        "\n \n", 'prd.json:3:1: the file is empty. Write a PRD: {"userStories": [...]}', id="only-white-space"
    ),
    pytest.param(b"\xff\xfe{\x00}\x00", "prd.json:1:1: the file is UTF-16. Save it as UTF-8.", id="utf-16"),
    pytest.param(
        b'{\n "project": "caf\xe9"}', "prd.json:2:17: byte 0xe9 is not UTF-8. Save the file as UTF-8.", id="not-utf-8"
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T",}]}',
        "prd.json:1:42: there is a comma before the closing }. Remove the comma.",
        id="trailing-comma-object",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T"},]}',
        "prd.json:1:43: there is a comma before the closing ]. Remove the comma.",
        id="trailing-comma-list",
    ),
    pytest.param(
        '{"userStories": [{"id": "A",},\n]}',
        (
            'prd.json:1:18: story "A" has no "title". Add one, for example "title": "Add login page".\n'
            "prd.json:1:28: there is a comma before the closing }. Remove the comma.\n"
            "prd.json:1:30: there is a comma before the closing ]. Remove the comma."
        ),
        id="two-mistakes-at-once",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "title": "U"}]}',
        'prd.json:1:44: the key "title" is given twice in one object. Keep one.',
        id="double-key",
    ),
    pytest.param(
        '\ufeff{"userStories": []}',
        'prd.json:1:17: there is no story in "userStories". Add one: ' + EXAMPLE,
        id="after-a-byte-order-mark",
    ),
    pytest.param(
        '{"userStories": [{"id": "A" "title": "T"}]}',
        'prd.json:1:29: a comma is missing before this. Add a comma after the value before it; a quote inside a text is written \\".',
        id="missing-comma",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "Say "hi""}]}',
        'prd.json:1:45: a comma is missing before this. Add a comma after the value before it; a quote inside a text is written \\".',
        id="raw-quotes-in-text",
    ),
    pytest.param(
        '{"userStories" [1]}',
        'prd.json:1:16: the key "userStories" has no colon after it. Write "userStories": and its value.',
        id="missing-colon",
    ),
    pytest.param(
        '{"a": 1,, "b": 2}',
        "prd.json:1:9: there is a comma where a key in quotes should stand. Remove the comma, or add what is missing before it.",
        id="double-comma",
    ),
    pytest.param(
        '{"a": }',
        'prd.json:1:7: "}" stands where a value should. Remove it, or add what is missing before it.',
        id="no-value",
    ),
    pytest.param(
        '{"a":',
        "prd.json:1:6: the file ends where a value should stand. Add what is missing; the file may have been cut short.",
        id="cut-after-colon",
    ),
    pytest.param(
        '{\n  "userStories": [\n    {"id": "A"}\n',
        "prd.json:2:18: this [ is never closed. Add the missing ].",
        id="cut-in-list",
    ),
    pytest.param(
        '{"project": "My pro', 'prd.json:1:13: this text is never closed. Add the missing ".', id="cut-in-text"
    ),
    pytest.param(
        '{"a": [1}}',
        'prd.json:1:9: "}" stands where a comma or ] should. Remove it, or add what is missing before it.',
        id="wrong-closing",
    ),
    pytest.param(
        '{"userStories": []}\n{"x": 1}',
        "prd.json:2:1: there is more text after the end of the JSON. Remove it, or the bracket too many before it.",
        id="two-documents",
    ),
    pytest.param(
        '{\n  // stories\n  "userStories": []}',
        "prd.json:2:3: there is a comment, which JSON does not have. Remove it.",
        id="comment",
    ),
    pytest.param(
        "{'userStories': []}", "prd.json:1:2: ' does not quote a text in JSON. Use \" instead.", id="single-quotes"
    ),
    pytest.param(
        "{“userStories”: []}", 'prd.json:1:2: “ does not quote a text in JSON. Use " instead.', id="curly-quotes"
    ),
    pytest.param(
        "{userStories: []}", 'prd.json:1:2: the key userStories has no quotes. Write "userStories".', id="bare-key"
    ),
    pytest.param('{"project": shop}', 'prd.json:1:13: the text shop has no quotes. Write "shop".', id="bare-text"),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "passes": True}]}',
        "prd.json:1:54: True is not JSON. Write true.",
        id="python-word",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "priority": 01}]}',
        "prd.json:1:56: 01 is not a number in JSON. Write it like 7 or -7.5, without leading zeros or a plus.",
        id="leading-zero",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "priority": +1}]}',
        "prd.json:1:56: +1 is not a number in JSON. Write it like 7 or -7.5, without leading zeros or a plus.",
        id="plus",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "Add\nlogin"}]}',
        'prd.json:1:39: this text is not closed on its line. Close it with ", or write a line break inside it as \\n.',
        id="line-break-in-text",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "Add\tlogin"}]}',
        "prd.json:1:43: a text has the raw control character U+0009. Write it as \\t, or remove it.",
        id="tab-in-text",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "Add\x07login"}]}',
        "prd.json:1:43: a text has the raw control character U+0007. Write it as \\u0007, or remove it.",
        id="bell-in-text",
    ),
    pytest.param(
        '{"project": "C:\\projects"}',
        "prd.json:1:16: \\p is not an escape in JSON. Write a backslash as \\\\.",
        id="bad-escape",
    ),
    pytest.param(
        '{"project": "a\\\n"}',
        "prd.json:1:15: a backslash escapes nothing. Write a backslash as \\\\.",
        id="escape-of-a-line-break",
    ),
    pytest.param(
        '{"project": "\\u12"}',
        "prd.json:1:14: \\u is not followed by four hexadecimal digits. Write it like \\u00e9, or a backslash as \\\\.",
        id="bad-unicode-escape",
    ),
    pytest.param(
        '{"project": "\\ud83d"}',
        "prd.json:1:14: \\ud83d is half of a character. Write both halves, or the character itself.",
        id="half-a-character",
    ),
    pytest.param("[" * 200, "prd.json:1:102: values are nested more than 100 deep. Flatten them.", id="too-deep"),
    pytest.param(
        "[" + "1," * 5000 + "1]",
        "prd.json:1:1: there are 5001 stories, and Ralph takes at most 5000. Split it into several PRDs.",
        id="too-many-stories",
    ),
    pytest.param("[]", "prd.json:1:1: there is no story. Add one: " + EXAMPLE, id="an-empty-list"),
    pytest.param(
        '["Add login"]',
        'prd.json:1:2: story 1 is a text "Add login", not an object. Write an object with "id": "US-001", "title": "Add login page".',
        id="a-list-of-texts",
    ),
    pytest.param(
        '"PRD"',
        'prd.json:1:1: the file is a text "PRD", not an object with stories. Write it like ' + EXAMPLE,
        id="a-text",
    ),
    pytest.param(
        '{"project": "x"}',
        'prd.json:1:1: there is no "userStories". Add a list of stories: ' + EXAMPLE,
        id="no-stories-key",
    ),
    pytest.param(
        '{"data": {"stories": [1]}}',
        'prd.json:1:2: "stories" stands inside "data". Move what is inside "data" up to the outermost object.',
        id="stories-elsewhere",
    ),
    pytest.param(
        '{"phases": [], "tasks": 7}',
        'prd.json:1:25: the PRD: "tasks" is 7, not a list of stories. Write "tasks": [...].',
        id="other-names-for-stories",
    ),
    pytest.param(
        '{"phases": [{"name": "One", "tasks": []}]}',
        'prd.json:1:12: there is no story in "phases". Add one: ' + EXAMPLE,
        id="an-empty-phase",
    ),
    pytest.param(
        '{"epics": []}',
        'prd.json:1:2: the PRD has the unknown key "epics". Rename it, for example "userStories": [...].',
        id="a-name-that-is-not-read",
    ),
    pytest.param(
        '{"userStorys": []}',
        'prd.json:1:2: the PRD has the unknown key "userStorys". Rename it, for example "userStories": [...].',
        id="stories-misspelt",
    ),
    pytest.param(
        '{"userStories": {"A": {}}}',
        'prd.json:1:17: the PRD: "userStories" is an object, not a list of stories. Write "userStories": [...].',
        id="stories-not-a-list",
    ),
    pytest.param(
        '{"userStories": null}',
        'prd.json:1:17: the PRD: "userStories" is null, not a list of stories. Write "userStories": [...].',
        id="stories-null",
    ),
    pytest.param(
        '{"userStories": []}',
        'prd.json:1:17: there is no story in "userStories". Add one: ' + EXAMPLE,
        id="zero-stories",
    ),
    pytest.param(
        '{"userStories": ["Add login"]}',
        'prd.json:1:18: story 1 is a text "Add login", not an object. Write an object with "id": "US-001", "title": "Add login page".',
        id="story-not-an-object",
    ),
    pytest.param(
        '{"project": 7, "userStories": [{"id": "A", "title": "T"}]}',
        'prd.json:1:13: the PRD: "project" is 7, not a text. Write "project": "My project".',
        id="project-not-a-text",
    ),
    pytest.param(
        '{"branchName": true, "userStories": [{"id": "A", "title": "T"}]}',
        'prd.json:1:16: the PRD: "branchName" is true, not a text. Write "branchName": "ralph/my-feature".',
        id="branch-not-a-text",
    ),
    pytest.param(
        '{"branchName": "ralph/my feature", "userStories": [{"id": "A", "title": "T"}]}',
        'prd.json:1:16: the branch name "ralph/my feature" has a space in it. Write "ralph/my-feature".',
        id="branch-git-refuses",
    ),
    pytest.param(
        '{"branchName": "--force", "userStories": [{"id": "A", "title": "T"}]}',
        'prd.json:1:16: the branch name "--force" starts with "-". Write "force".',
        id="branch-like-an-option",
    ),
    pytest.param(
        '{"branch": "x", "userStories": [{"id": "A", "title": "T"}]}',
        'prd.json:1:2: the PRD has the unknown key "branch". Rename it, for example "branchName": "ralph/my-feature".',
        id="branch-misspelt",
    ),
    pytest.param(
        '{"userStories": [{"identifier": "A", "title": "T"}]}',
        'prd.json:1:19: story 1 has the unknown key "identifier". Rename it, for example "id": "US-001".',
        id="id-by-another-name",
    ),
    pytest.param(
        '{"userStories": [{"id": "A"}]}',
        'prd.json:1:18: story "A" has no "title". Add one, for example "title": "Add login page".',
        id="no-title",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "name": "T\\nU"}]}',
        'prd.json:1:38: story "A": "name" has a line break in it. Write it on one line of visible characters.',
        id="name-with-a-line-break",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": " "}]}',
        'prd.json:1:39: story "A" has an empty "title". Write something, for example "title": "Add login page".',
        id="empty-title",
    ),
    pytest.param(
        '{"userStories": [{"id": [1], "title": "T"}]}',
        'prd.json:1:25: story 1: "id" is a list, not a text or a number. Write "id": "US-001".',
        id="id-a-list",
    ),
    pytest.param(
        '{"userStories": [{"id": 1, "title": "T"}, {"id": "1", "title": "T"}]}',
        'prd.json:1:50: the id "1" is used by an earlier story. Give this story an id of its own.',
        id="a-number-and-a-text-as-one-id",
    ),
    pytest.param(
        '{"userStories": [{"id": "A\\nRalph-Story: B", "title": "T"}]}',
        'prd.json:1:25: story "A\\nRalph-Story: B": "id" has a line break in it. Write it on one line of visible characters.',
        id="id-with-a-line-break",
    ),
    pytest.param(
        '{"userStories": [{"id": "A\u200b", "title": "T"}]}',
        'prd.json:1:25: story "A\\u200b": the id has the invisible character U+200B in it. Remove it.',
        id="id-with-an-invisible-character",
    ),
    pytest.param(
        '{"userStories": [{"id": "A ", "title": "T"}]}',
        'prd.json:1:25: the id "A " has white space at an end. Write "A".',
        id="id-with-white-space-around",
    ),
    pytest.param(
        STORY.replace('"A"', '"' + "A" * 101 + '"') % "",
        'prd.json:1:25: story "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA...": the id has 101 characters. Use at most 100.',
        id="id-too-long",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "one\\u2028two"}]}',
        'prd.json:1:39: story "A": "title" has a line break in it. Write it on one line of visible characters.',
        id="title-with-a-line-separator",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "\\u001b[31mred"}]}',
        'prd.json:1:39: story "A": "title" has the control character U+001B in it. Write it on one line of visible characters.',
        id="title-with-a-control-character",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": null}]}',
        'prd.json:1:39: story "A": "title" is null, not a text. Write "title": "Add login page".',
        id="title-null",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "passes": "true"}]}',
        'prd.json:1:54: story "A": "passes" is a text "true". Write true or false, without quotes.',
        id="passes-a-text",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "passes": 1}]}',
        'prd.json:1:54: story "A": "passes" is 1. Write true or false, without quotes.',
        id="passes-a-number",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "passes": null}]}',
        'prd.json:1:54: story "A": "passes" is null. Write true or false, without quotes.',
        id="passes-null",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "state": "done"}]}',
        'prd.json:1:44: story "A" has the unknown key "state". Rename it, for example "status": "done".',
        id="state-for-status",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "status": "almost"}]}',
        'prd.json:1:54: story "A": "status" is a text "almost", which says neither done nor open. Write one of: open, todo, pending, in progress, not started (open); done, complete, completed, passed, pass (done); blocked, cancelled, canceled, deferred (not to be worked on).',
        id="status-unknown",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "status": 3}]}',
        'prd.json:1:54: story "A": "status" is 3, which says neither done nor open. Write one of: open, todo, pending, in progress, not started (open); done, complete, completed, passed, pass (done); blocked, cancelled, canceled, deferred (not to be worked on).',
        id="status-a-number",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "completed": "2026-01-02"}]}',
        'prd.json:1:57: story "A": "completed" is a text "2026-01-02". Write true or false, without quotes.',
        id="completed-a-date",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "Passes": true}]}',
        'prd.json:1:44: story "A" has the unknown key "Passes". Rename it, for example "passes": true or false.',
        id="passes-misspelt",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "priority": "soon"}]}',
        'prd.json:1:56: story "A": "priority" is a text "soon", which is no priority. Write a whole number (1 is first), P0 to P4, or one of critical, urgent, high, medium, normal, low.',
        id="priority-a-text",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "priority": 1.5}]}',
        'prd.json:1:56: story "A": "priority" is 1.5, not a whole number of at most 9 digits. Write "priority": 1.',
        id="priority-with-a-fraction",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "priority": 12345678901}]}',
        'prd.json:1:56: story "A": "priority" is 12345678901, not a whole number of at most 9 digits. Write "priority": 1.',
        id="priority-huge",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "priority": true}]}',
        'prd.json:1:56: story "A": "priority" is true, not a whole number of at most 9 digits. Write "priority": 1.',
        id="priority-true",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "prioirty": 1}]}',
        'prd.json:1:44: story "A" has the unknown key "prioirty". Rename it, for example "priority": 1.',
        id="priority-misspelt",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "acceptanceCriteria": {"a": 1}}]}',
        'prd.json:1:66: story "A": "acceptanceCriteria" is an object, not a list of texts. Write "acceptanceCriteria": ["Typecheck passes"].',
        id="criteria-an-object",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "acceptanceCriteria": ["works", 2]}]}',
        'prd.json:1:76: story "A": an entry of "acceptanceCriteria" is 2, not a text. Write "acceptanceCriteria": ["Typecheck passes"].',
        id="criterion-a-number",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "criteria": [{"points": 3}]}]}',
        'prd.json:1:57: story "A": an entry of "criteria" is an object, not a text. Put the whole entry in quotes.',
        id="criterion-an-object",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "acceptanceCritera": ["works"]}]}',
        'prd.json:1:44: story "A" has the unknown key "acceptanceCritera". Rename it, for example "acceptanceCriteria": ["Typecheck passes"].',
        id="criteria-misspelt",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "description": []}]}',
        'prd.json:1:59: story "A": "description" is a list, not a text. Write "description": "As a user, I want to log in".',
        id="description-a-list",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "notes": {}}]}',
        'prd.json:1:53: story "A": "notes" is an object, not a text. Write "notes": "".',
        id="notes-an-object",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "dependsOn": "B, C"}]}',
        'prd.json:1:57: story "A" depends on "B, C", which is no story of this PRD. Write the id of a story, or remove it.',
        id="depends-on-one-text-for-two",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "dependencies": {"a": 1}}]}',
        'prd.json:1:60: story "A": "dependencies" is an object, not a list of texts. Write "dependencies": ["US-001"].',
        id="dependencies-an-object",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "deps": []}]}',
        'prd.json:1:44: story "A" has the unknown key "deps". Rename it, for example "dependsOn": ["US-001"].',
        id="depends-on-shortened",
    ),
    pytest.param(
        '{"userStories": [\n  {"id": "A", "title": "T"},\n  {"id": "A", "title": "T"}\n]}',
        'prd.json:3:10: the id "A" is used by an earlier story. Give this story an id of its own.',
        id="double-id",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "dependsOn": ["Z"]}]}',
        'prd.json:1:58: story "A" depends on "Z", which is no story of this PRD. Write the id of a story, or remove it.',
        id="unknown-dependency",
    ),
    pytest.param(
        '{"userStories": [{"id": "US-001", "title": "T"}, {"id": "US-002", "title": "T", "dependsOn": ["us1"]}]}',
        'prd.json:1:95: story "US-002" depends on "us1", which is no story of this PRD. Write "US-001".',
        id="dependency-spelt-otherwise",
    ),
    pytest.param(
        '{"userStories": [{"id": "A", "title": "T", "dependsOn": ["A"]}]}',
        'prd.json:1:58: story "A" depends on itself. Remove "A" here.',
        id="depends-on-itself",
    ),
    pytest.param(
        '{"userStories": [\n  {"id": "A", "title": "T", "dependsOn": ["B"]},\n  {"id": "B", "title": "T", "dependsOn": ["A"]}\n]}',
        'prd.json:2:43: the stories depend on each other in a circle: "A" -> "B" -> "A". Remove one of these from a "dependsOn".',
        id="circle",
    ),
    pytest.param(
        '{"tasks": [\n  {"title": "A", "parallel_group": 1, "dependsOn": ["B"]},\n  {"title": "B", "parallel_group": 2}\n]}',
        'prd.json:2:53: the stories depend on each other in a circle: "a" -> "b" -> "a". Remove one of these from a "dependsOn".',
        id="circle-through-a-parallel-group",
    ),
    pytest.param(
        '{"tasks": [{"title": "A", "parallel_group": "first"}]}',
        'prd.json:1:45: story 1: "parallel_group" is a text "first", not a whole number of at most 9 digits. Write "parallel_group": 1.',
        id="parallel-group-a-text",
    ),
    pytest.param(
        '{\n  "branchName": "a..b",\n  "userStories": [\n    {"id": "A", "titel": "T", "passes": "no"},\n    {"id": "A", "title": "", "dependsOn": ["Q"]}\n  ]\n}',
        (
            'prd.json:2:17: the branch name "a..b" has ".." in it. Write "a-b".\n'
            'prd.json:4:17: story "A" has the unknown key "titel". Rename it, for example "title": "Add login page".\n'
            'prd.json:4:41: story "A": "passes" is a text "no". Write true or false, without quotes.\n'
            'prd.json:5:12: the id "A" is used by an earlier story. Give this story an id of its own.\n'
            'prd.json:5:26: story "A" has an empty "title". Write something, for example "title": "Add login page".\n'
            'prd.json:5:44: story "A" depends on "Q", which is no story of this PRD. Write the id of a story, or remove it.'
        ),
        id="everything-at-once",
    ),
]


YAML = [
    pytest.param("", "prd.yaml:1:1: the file is empty. Write a PRD: tasks: [...]", id="empty"),
    pytest.param(
        "tasks:\n\t- title: x",
        "prd.yaml:2:1: a tab stands where YAML takes spaces only. Replace it with spaces.",
        id="tab",
    ),
    pytest.param(
        "tasks:\n  - title: a: b",
        "prd.yaml:2:13: a colon stands inside a text without quotes, or the line is indented too far. Put the text in quotes, or indent the line like those above it.",
        id="colon-in-text",
    ),
    pytest.param(
        "tasks:\n - title: x\n  - title: y",
        "prd.yaml:3:3: the line is not indented like those above it. Indent it like the entries of the same list or object.",
        id="indented-otherwise",
    ),
    pytest.param(
        "tasks:\n- title: x\nfoo",
        "prd.yaml:3:4: the line has no colon and a space after its key. Write it like title: Add login page.",
        id="no-colon",
    ),
    pytest.param(
        "a: &x 1\nb: *x", "prd.yaml:1:4: &x is an anchor, which Ralph does not follow. Remove it.", id="anchor"
    ),
    pytest.param(
        "a: *x", "prd.yaml:1:4: *x is an alias, which Ralph does not follow. Write out what it stands for.", id="alias"
    ),
    pytest.param(
        "tasks:\n  - **bold**",
        "prd.yaml:2:6: a text without quotes cannot start with * or &. Put the text in quotes.",
        id="asterisk",
    ),
    pytest.param(
        "tasks:\n  - @me",
        "prd.yaml:2:5: a text without quotes cannot start with this character. Put the text in quotes.",
        id="at-sign",
    ),
    pytest.param(
        "a: 1\n---\nb: 2",
        "prd.yaml:2:1: a second document starts here. Keep one document in the file.",
        id="two-documents",
    ),
    pytest.param(
        "tasks:\n- title: A\n  title: B",
        'prd.yaml:3:3: the key "title" is given twice in one object. Keep one.',
        id="double-key",
    ),
    pytest.param(
        "!!python/name:os.system x",
        'prd.yaml:1:1: the tag "tag:yaml.org,2002:python/name:os.system" is not for a PRD. Remove it, or put the text in quotes.',
        id="tag",
    ),
    pytest.param(
        'a: "\\q"',
        "prd.yaml:1:6: a backslash in double quotes escapes nothing. Write a backslash as \\\\, or use single quotes.",
        id="bad-escape",
    ),
    pytest.param(
        'a: "\\UFFFFFFFF"',
        "prd.yaml:1:1: a text in double quotes has an escape for no character. Write a backslash as \\\\, or use single quotes.",
        id="escape-for-no-character",
    ),
    pytest.param(
        'a: "\\uD800"',
        "prd.yaml:1:4: a text has half of a character in it. Write the character itself.",
        id="half-a-character",
    ),
    pytest.param("a: 'x", "prd.yaml:1:6: a text in quotes is never closed. Add the missing quote.", id="open-quote"),
    pytest.param(
        "{a: 1",
        "prd.yaml:1:6: a bracket is never closed, or a comma is missing. Add what is missing.",
        id="open-bracket",
    ),
    pytest.param("a: [", "prd.yaml:1:5: a value is missing here. Write it, or put the text in quotes.", id="no-value"),
    pytest.param(
        "a: \x07", "prd.yaml:1:4: a character stands here that YAML does not allow. Remove it.", id="control-character"
    ),
    pytest.param(
        "? a\n: b", "prd.yaml:1:3: the key is not a plain one. Write it like title: Add login page.", id="key"
    ),
    pytest.param(
        "%YAML 9.9\n---\na: 1",
        "prd.yaml:1:1: this is not YAML (found incompatible YAML document (version 1.* is required)). Mend this line, or put its text in quotes.",
        id="another-version",
    ),
    pytest.param("[" * 200, "prd.yaml:1:102: values are nested more than 100 deep. Flatten them.", id="too-deep"),
    pytest.param(
        "#" * 1_000_001,
        "prd.yaml:1:1: the file is longer than 1,000,000 characters. Split it into several PRDs.",
        id="too-long",
    ),
    pytest.param(
        "tasks:\n  - title: A\n    tests:\n      - Error: is shown",
        'prd.yaml:4:9: story 1: an entry of "tests" is an object, not a text. Put the whole entry in quotes.',
        id="criterion-with-a-colon",
    ),
    pytest.param(
        "tasks:\n  - title: A\n    completed: 'yes'",
        'prd.yaml:3:16: story 1: "completed" is a text "yes". Write true or false, without quotes.',
        id="flag-in-quotes",
    ),
]


@pytest.mark.parametrize(("written", "message"), YAML)
def test_yaml_that_cannot_be_used_says_what_is_wrong_where_and_what_to_write(written: str, message: str) -> None:
    with pytest.raises(PrdError) as refused:
        parse_prd(written.encode(), "prd.yaml")
    assert str(refused.value) == message


@pytest.mark.parametrize(("written", "message"), MESSAGES)
def test_a_prd_that_cannot_be_used_says_what_is_wrong_where_and_what_to_write(
    written: str | bytes, message: str
) -> None:
    data = written if isinstance(written, bytes) else written.encode()
    with pytest.raises(PrdError) as refused:
        parse_prd(data, "prd.json")
    assert str(refused.value) == message


def unreadable(folder: Path) -> Path:
    path = folder / "huge.json"
    with path.open("wb") as file:
        file.truncate(10_000_001)
    return path


ALONE = Prd(stories=(Story(id="US-001", title="T"),))
OTHERS: list[tuple[str, Callable[[Path], object], str]] = [
    (
        "read-missing",
        lambda at: read_prd(at / "x.json", "x.json"),
        "x.json: there is no such file. Name a PRD that exists.",
    ),
    (
        "read-a-folder",
        lambda at: read_prd(at, "tasks"),
        "tasks: this is not a file. Name the PRD itself, for example tasks/prd.json.",
    ),
    (
        "read-name-too-long",
        lambda at: read_prd(at / ("x" * 300), "x.json"),
        "x.json: the file cannot be read (File name too long). Check its permissions.",
    ),
    (
        "read-huge",
        lambda at: read_prd(unreadable(at), "huge.json"),
        "huge.json: the file is larger than 10 MB. Split it into several PRDs.",
    ),
    (
        "find-none",
        find_prd,
        (
            '{at}: no PRD found. Have one drafted with: ralph prd new "what you want"; or name yours, for example: '
            "ralph run docs/prd.json"
            f"\nlooked for: {PLACES_IN_ORDER}"
        ),
    ),
    (
        "find-named",
        lambda at: find_prd(at, Path("todo.json")),
        (
            "todo.json: there is no such PRD. Name a file that exists, or leave it out to have one looked for at the usual places."
        ),
    ),
    (
        "pick-unknown",
        lambda _: pick(ALONE, only="X"),
        'there is no story "X" in the PRD. Its stories are: US-001.',
    ),
    (
        "pick-spelt-otherwise",
        lambda _: pick(ALONE, only="us1"),
        'there is no story "us1" in the PRD. Did you mean "US-001"?',
    ),
    (
        "mark-missing",
        lambda _: mark((STORY % "").encode(), "B", passes=True),
        'prd.json:1:1: there is no story "B". Put the story back, or start the run again.',
    ),
    (
        "mark-twice",
        lambda _: mark(b'{"userStories": [{"id": "A"}, {"id": "A"}]}', "A", passes=True),
        'prd.json:1:31: the id "A" is used by 2 stories. Give each story an id of its own.',
    ),
    (
        "append-twice",
        lambda _: append_story((STORY % "").encode(), Story(id="A", title="T"), name="prd.json"),
        'prd.json:1:18: there already is a story "A". Give the new story another id.',
    ),
    (
        "append-nowhere",
        lambda _: append_story(b"{}", Story(id="A", title="T"), name="prd.json"),
        'prd.json:1:1: there is no "userStories". Add a list of stories: '
        + EXAMPLE.replace("{", "{{").replace("}", "}}"),
    ),
    (
        "mark-a-text",
        lambda _: mark((STORY % ', "passes": "no"').encode(), "A", passes=True),
        'prd.json:1:54: story "A": "passes" is a text "no". Write true or false, without quotes.',
    ),
    (
        "mark-not-json",
        lambda _: mark(b'{"userStories": [}', "A", passes=True),
        'prd.json:1:18: "}}" stands where a value should. Remove it, or add what is missing before it.',
    ),
    (
        "mark-trailing-comma",
        lambda _: mark((STORY % ",").encode(), "A", passes=True),
        "prd.json:1:42: there is a comma before the closing }}. Remove the comma.",
    ),
    (
        "mark-two-flags",
        lambda _: mark((STORY % ', "passes": false, "passes": true').encode(), "A", passes=True),
        'prd.json:1:61: the key "passes" is given twice in one object. Keep one.',
    ),
]


@pytest.mark.parametrize(("act", "message"), [pytest.param(act, message, id=name) for name, act, message in OTHERS])
def test_what_cannot_be_found_picked_or_marked_says_so(
    tmp_path: Path, act: Callable[[Path], object], message: str
) -> None:
    with pytest.raises(PrdError) as refused:
        act(tmp_path)
    assert str(refused.value) == message.format(at=tmp_path)
