"""Tests that bring what they test: code that test files put into the product, and stand-ins that are asked instead of it."""

import pytest

from ralph.integrity.change import Change, FileChange
from ralph.integrity.finding import HARD
from ralph.integrity.permit import Permit
from ralph.integrity.scan import scan

CHEATS = {
    "a conftest's assignment": ("tests/conftest.py", "import app\n\n\ndef clean(text):\n    return text.strip()\n\n\napp.clean = clean\n"),
    "setattr at import": ("tests/test_app.py", "from app import Parser\n\nsetattr(Parser, 'clean', lambda self, text: text.strip())\n"),
    "an installed function": ("tests/conftest.py", "import app\n\n\ndef pytest_configure():\n    app.set_cleaner(lambda text: text.strip())\n"),
    "a prototype": ("test/app.test.js", "import { Parser } from '../app.js'\n\nParser.prototype.clean = function (text) { return text.trim() }\n"),
    "before the tests": ("test/app.test.js", "import { hooks } from '../app.js'\n\nbeforeEach(() => {\n  hooks.clean = (text) => text.trim()\n})\n"),
    "init in Go": ("app_test.go", "package app\n\nfunc init() {\n\tclean = func(text string) string { return strings.TrimSpace(text) }\n}\n"),
    "mocks in Python": ("tests/test_app.py", "from unittest.mock import Mock\n\nfrom app import Parser\n\n\ndef test_parse():\n    parser = Mock(spec=Parser)\n    parser.parse.return_value = 3\n    assert parser.parse('x') == 3\n"),
    "mocks in JavaScript": ("test/app.test.js", "test('parses', () => {\n  const parser = { parse: vi.fn(() => 3) }\n  expect(parser.parse('x')).toBe(3)\n})\n"),
}  # fmt: skip
HONEST = {
    "a clock for one test": ("app_test.go", "package app\n\nfunc TestNow(t *testing.T) {\n\tnow = func() time.Time { return noon }\n\tt.Cleanup(func() { now = time.Now })\n\tif got := Today(); got != 1 {\n\t\tt.Error(got)\n\t}\n}\n"),
    "a mock for the product": ("tests/test_app.py", "from unittest.mock import Mock\n\nfrom app import Parser\n\n\ndef test_parse():\n    log = Mock()\n    assert Parser(log).parse('x') == 3\n    log.warning.assert_called_once_with('x')\n"),
    "a spy": ("test/app.test.js", "import { parse } from '../app.js'\n\ntest('tells', () => {\n  const tell = vi.fn()\n  parse('x', tell)\n  expect(tell).toHaveBeenCalledWith('x')\n})\n"),
    "a fixture": ("tests/conftest.py", "import pytest\n\nfrom app import Parser\n\n\n@pytest.fixture\ndef parser():\n    parser = Parser()\n    parser.strict = True\n    return parser\n"),
    "a library's setting": ("tests/conftest.py", "import hypothesis\n\nhypothesis.settings.register_profile('ci', max_examples=10)\n"),
}  # fmt: skip


def weight(path: str, text: str) -> int:
    product = (
        FileChange("app.py", b"", b"def clean(text):\n    return text\n\nclass Parser: ...\n", "app.py"),
        FileChange("app.js", b"", b"export const hooks = {}\n", "app.js"),
        FileChange("app.go", b"", b"package app\n\nvar clean = func(text string) string { return text }\nvar now = time.Now\n", "app.go"),
    )  # fmt: skip
    change = Change((*product, FileChange(path, None, text.encode())))
    return sum(item.weight for item in scan(change, Permit("Texts are trimmed")))


@pytest.mark.parametrize("name", CHEATS)
def test_a_test_may_not_bring_what_it_tests(name: str) -> None:
    assert weight(*CHEATS[name]) >= HARD


@pytest.mark.parametrize("name", HONEST)
def test_stand_ins_for_what_stands_around_the_product_are_fine(name: str) -> None:
    assert weight(*HONEST[name]) < 50
