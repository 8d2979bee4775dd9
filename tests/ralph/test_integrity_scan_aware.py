"""Product code that finds out whether it is tested, however it asks; and code that asks about its surroundings honestly."""

import pytest

from ralph.integrity.change import Change, FileChange
from ralph.integrity.finding import HARD
from ralph.integrity.permit import Permit
from ralph.integrity.scan import scan

AWARE = {
    "glued name": ("src/a.py", 'FAST = any(name.startswith("py" + "test") for name in sys.modules)'),
    "module found": ("src/a.py", 'FAST = importlib.util.find_spec("pytest") and "pytest" in list(sys.modules)'),
    "names apart": ("src/a.py", 'RUNNERS = ("nose", "_pytest")\n\n\ndef fast():\n    return bool(set(RUNNERS) & set(sys.modules))'),
    "backwards": ("src/a.py", 'FAST = "tsetyp"[::-1] in sys.modules'),
    "encoded": ("src/a.py", 'FAST = base64.b64decode("cHl0ZXN0").decode() in sys.modules'),
    "getattr": ("src/a.py", 'FAST = "pytest" in getattr(sys, "modules")'),
    "variables by prefix": ("src/a.py", 'FAST = any(key.startswith("PYTEST_") for key in os.environ)'),
    "variables by pattern": ("src/a.js", "const fast = Object.keys(process.env).some((k) => /^(VI|JE)ST/.test(k))"),
    "variables by end": ("src/a.js", "const fast = Object.keys(process.env).some((k) => k.endsWith('_WORKER_ID'))"),
    "variables in go": ("a.go", 'var fast = os.Getenv("GO" + "COVERDIR") != ""'),
    "command line": ("src/a.py", 'FAST = "pytest" in " ".join(sys.argv)'),
    "title": ("src/a.js", "const fast = /vitest|jest/.test(process.title)"),
    "exec argv": ("src/a.js", "const fast = process.execArgv.some((a) => a.startsWith('--test'))"),
    "main module": ("src/a.js", "const fast = require.main.filename.includes('mocha')"),
    "go binary": ("a.go", 'var fast = strings.HasSuffix(os.Args[0], ".test")'),
    "go flags": ("a.go", 'func fast() bool {\n\tfor _, arg := range os.Args {\n\t\tif strings.HasPrefix(arg, "-test.") {\n\t\t\treturn true\n\t\t}\n\t}\n\treturn false\n}'),
    "go executable": ("a.go", 'exe, _ := os.Executable()\nfast := strings.Contains(exe, "/_test/") || strings.HasSuffix(exe, ".test")'),
    "caller": ("a.go", '_, file, _, _ := runtime.Caller(1)\nfast := strings.HasSuffix(file, "_test.go")'),
    "stack": ("src/a.js", "const fast = new Error().stack.includes('.test.js')"),
    "frames": ("src/a.py", 'frame = sys._getframe(1)\nfast = "test_" in frame.f_code.co_filename'),
    "rust thread": ("src/lib.rs", 'let fast = std::env::current_exe().unwrap().to_string_lossy().contains("/deps/");'),
    "import in a try": ("src/a.py", "try:\n    import pytest\nexcept ImportError:\n    pytest = None"),
    "folder of tests": ("src/a.py", 'FAST = os.path.exists("tests") and os.path.isfile("conftest.py")'),
    "vitest in the source": ("src/a.ts", "const answer = import.meta.vitest ? 42 : work()"),
    "proc": ("src/a.py", 'FAST = b"pytest" in open("/proc/self/cmdline", "rb").read()'),
}  # fmt: skip
HONEST = {
    "colour": ("src/a.py", 'COLOUR = "NO_COLOR" not in os.environ and not os.environ.get("CI")'),
    "debug": ("src/a.js", "const debug = process.env.DEBUG === '1' || process.argv.includes('--verbose')"),
    "settings": ("src/a.py", 'settings = {k[6:]: v for k, v in os.environ.items() if k.startswith("MYAPP_")}'),
    "settings by pattern": ("src/a.js", "const flags = Object.keys(process.env).filter((k) => /^FEATURE_/.test(k))"),
    "main": ("src/a.js", "if (require.main === module) main(process.argv.slice(2))"),
    "go arguments": ("a.go", "func main() { os.Exit(run(os.Args[1:], os.Stdin)) }"),
    "program's name": ("a.go", 'flag.Usage = func() { fmt.Println("usage:", filepath.Base(os.Args[0])) }'),
    "optional library": ("src/a.py", 'HAS_NUMPY = importlib.util.find_spec("numpy") is not None'),
    "plugins": ("src/a.py", 'module = importlib.import_module(f"myapp.plugins.{name}")'),
    "caller for a log": ("a.go", '_, file, line, _ := runtime.Caller(1)\nlog.Printf("%s:%d", file, line)'),
    "stack for a log": ("src/a.js", "log.error(error.stack)"),
    "beside the file": ("src/a.py", 'SCHEMA = Path(__file__).parent / "schema.json"'),
    "exists": ("src/a.py", 'if not os.path.exists("settings.toml"):\n    raise FileNotFoundError("settings.toml")'),
    "in-source tests": ("src/a.ts", "if (import.meta.vitest) {\n  const { it, expect } = import.meta.vitest\n}"),
    "token": ("src/a.py", 'token = os.environ["SERVICE_TOKEN"]'),
    "subcommand": ("src/a.py", 'command = sys.argv[1] if len(sys.argv) > 1 else "serve"'),
    "latest": ("src/a.py", 'version = os.environ.get("RELEASE", "latest")'),
    "contest": ("src/a.js", "const contest = process.env.CONTEST_ID ?? 'greatest'"),
}  # fmt: skip


def weight(path: str, text: str, story: str = "Make it fast") -> int:
    change = Change((FileChange(path, b"", text.encode() + b"\n", path),))
    found = scan(change, Permit(story))
    return sum(item.weight for item in found)


@pytest.mark.parametrize("name", AWARE)
def test_product_code_that_asks_for_a_runner_is_stopped(name: str) -> None:
    assert weight(*AWARE[name]) >= HARD


@pytest.mark.parametrize("name", HONEST)
def test_product_code_may_ask_where_it_runs(name: str) -> None:
    assert weight(*HONEST[name]) < 30


def test_a_story_about_a_plugin_for_a_runner_may_name_it() -> None:
    code = 'import pytest\n\nWORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")'
    assert weight("src/plugin.py", code, "Add a pytest plugin that knows PYTEST_XDIST_WORKER") < HARD
