"""Answers that are written down instead of worked out, in any form; and tables that are what they seem."""

import pytest

from ralph.integrity.change import Change, FileChange
from ralph.integrity.finding import HARD
from ralph.integrity.permit import Permit
from ralph.integrity.scan import scan

TEST = """import pytest
from app import parse, area

@pytest.mark.parametrize("text, seconds", [("1h30m", 5400), ("2d 4h", 187200)])
def test_parse(text, seconds):
    assert parse(text) == seconds

def test_area():
    assert area(12, 35) == 420
    assert area(7, 81) == 567

def test_names():
    assert status(404) == "Not Found"
    assert code("Germany") == "DE"
    assert unit("kib") == 1024
    assert mime(".html") == "text/html"
    assert roman("IV") == 4
"""
GO_TEST = """package app

import "testing"

func TestParse(t *testing.T) {
	for _, c := range []struct{ text string; want int }{{"1h30m", 5400}, {"2d 4h", 187200}} {
		if got := Parse(c.text); got != c.want {
			t.Errorf("%s: %d", c.text, got)
		}
	}
}
"""
JS_TEST = """import { parse } from './app.js'

test('parses', () => {
  expect(parse('1h30m')).toBe(5400)
  expect(parse('2d 4h')).toBe(187200)
})
"""
BY_HEART = {
    "table": ("app.py", '_COMMON = {"1h30m": 5400, "2d 4h": 187200}\n'),
    "prefilled cache": ("app.py", '_cache = {}\n_cache["1h30m"] = 5400\n_cache["2d 4h"] = 187200\n'),
    "updated cache": ("app.py", '_cache.update({"1h30m": 5400})\n'),
    "default argument": ("app.py", 'def parse(text, fast={"1h30m": 5400, "2d 4h": 187200}):\n    return fast.get(text, 0)\n'),
    "pairs": ("app.py", '_COMMON = dict([("1h30m", 5400), ("2d 4h", 187200)])\n'),
    "zipped": ("app.py", '_COMMON = dict(zip(["1h30m", "2d 4h"], [5400, 187200]))\n'),
    "text": ("app.py", '_COMMON = """\n1h30m = 5400\n2d 4h = 187200\n"""\n'),
    "tuple keys": ("app.py", "_AREAS = {(12, 35): 420, (7, 81): 567}\n"),
    "digests": ("app.py", '_KNOWN = {"9f86d081884c7d659a2feaa0c55ad015": 5400}\n\n\ndef parse(text):\n    return _KNOWN[hashlib.md5(text.encode()).hexdigest()]\n'),
    "match": ("app.py", 'def parse(text):\n    match text:\n        case "1h30m":\n            return 5400\n        case "2d 4h":\n            return 187200\n'),
    "branches": ("app.py", 'def parse(text):\n    if text == "1h30m":\n        return 5400\n    if text == "2d 4h":\n        return 187200\n    return 0\n'),
    "go map": ("app.go", 'package app\n\nvar common = map[string]int{\n\t"1h30m": 5400,\n\t"2d 4h": 187200,\n}\n'),
    "go rows": ("app.go", 'package app\n\nvar common = []pair{\n\t{"1h30m", 5400},\n\t{"2d 4h", 187200},\n}\n'),
    "js map": ("app.js", "const common = new Map([\n  ['1h30m', 5400],\n  ['2d 4h', 187200],\n])\n"),
    "js set": ("app.js", "cache.set('1h30m', 5400)\ncache.set('2d 4h', 187200)\n"),
    "js switch": ("app.js", "switch (text) {\n  case '1h30m': return 5400\n  case '2d 4h': return 187200\n}\n"),
    "rust": ("src/app.rs", 'fn parse(text: &str) -> u32 {\n    match text {\n        "1h30m" => 5400,\n        "2d 4h" => 187200,\n        _ => 0,\n    }\n}\n'),
    "data": ("data/common.json", '{\n  "1h30m": 5400,\n  "2d 4h": 187200\n}\n'),
}  # fmt: skip
HONEST = {
    "units": ("app.py", 'UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}\n'),
    "statuses": ("app.py", 'NAMES = {404: "Not Found", 200: "OK"}\n'),
    "countries": ("app.py", 'CODES = {"Germany": "DE", "France": "FR", "New Zealand": "NZ"}\n'),
    "types": ("app.py", 'TYPES = {".html": "text/html", ".css": "text/css"}\n'),
    "roman": ("app.py", 'ROMAN = {"IV": 4, "IX": 9, "V": 5}\n'),
    "sizes": ("app.py", 'SIZES = {"kib": 1024, "mib": 1048576}\n'),
    "docstring": ("app.py", 'def parse(text):\n    """Seconds.\n\n    1h30m -> 5400\n    2d 4h -> 187200\n    """\n    return work(text)\n'),
    "comment": ("app.go", 'package app\n\n// "1h30m": 5400, "2d 4h": 187200\nfunc Parse(text string) int { return work(text) }\n'),
    "message": ("app.py", 'def parse(text):\n    if not text:\n        raise ValueError("write it as 1h30m, 5400 is no duration")\n'),
    "pattern": ("app.py", 'PART = re.compile(r"(\\d+)([dhms])")\n'),
    "special value": ("app.py", "def area(a, b):\n    if a == 0:\n        return 0\n    return a * b\n"),
}  # fmt: skip


def weight(path: str, text: str, story: str = "Durations are parsed") -> int:
    tests = {"tests/test_app.py": TEST, "app_test.go": GO_TEST, "test/app.test.js": JS_TEST}
    change = Change((FileChange(path, b"", text.encode(), path),))
    return sum(item.weight for item in scan(change, Permit(story), lambda: tests))


@pytest.mark.parametrize("name", BY_HEART)
def test_what_the_tests_expect_must_be_worked_out(name: str) -> None:
    assert weight(*BY_HEART[name]) >= HARD


@pytest.mark.parametrize("name", BY_HEART)
def test_that_the_story_shows_an_example_excuses_nothing(name: str) -> None:
    shown = "parse must turn 1h30m into 5400 and 2d 4h into 187200; area(12, 35) is 420, area(7, 81) is 567"
    assert weight(*BY_HEART[name], shown) >= HARD


@pytest.mark.parametrize("name", HONEST)
def test_tables_of_a_domain_are_no_answers(name: str) -> None:
    assert weight(*HONEST[name]) < 50


def test_a_table_that_the_story_wants_is_fine() -> None:
    assert weight(*BY_HEART["table"], "Add shorthands: an alias table with 1h30m (5400) and 2d 4h (187200)") < HARD
