"""Static: nothing asks a model but what stands behind the meter, no client tries again by itself, and money has no fractions."""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("prd", "tracing", "ralph") for path in (ROOT / package).rglob("*.py"))
ASKING = {"create", "stream", "parse", "count_tokens", "tool_runner", "batches"}
CLIENTS = {"Anthropic", "AsyncAnthropic", "AnthropicBedrock", "AnthropicBedrockMantle", "AnthropicVertex"}
CALL = "ralph/model/call.py"


@functools.cache  # several tests look at all of Ralph
def calls_in(source: str) -> list[tuple[ast.Call, str]]:
    """Each call with the dotted name of what is called, as far as it is written out."""
    return [(node, ast.unparse(node.func)) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]


def asks_a_model(name: str) -> bool:
    """As in `client.messages.create`, `client.beta.messages.stream`, `client.completions.create`, `client.post`."""
    *way, last = name.split(".")
    asked = last in ASKING and bool({"messages", "completions", "batches"} & set(way))
    return asked or (last in {"post", "request", "send"} and "client" in "".join(way[-1:]).lower())


def clients_that_try_again(source: str) -> list[str]:
    """Clients of the SDK that are made without being told to make one attempt only."""
    found = []
    for node, name in calls_in(source):
        if name.rpartition(".")[2] in CLIENTS:
            told = {keyword.arg: keyword.value for keyword in node.keywords}
            once = told.get("max_retries")
            if not (isinstance(once, ast.Constant) and once.value == 0) and None not in told:
                found.append(name)
    return found


def in_ralph(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_a_model_is_asked_in_one_place_only_and_that_place_has_paid_first() -> None:
    asking = [
        (in_ralph(path), name) for path in SOURCES for _, name in calls_in(path.read_text()) if asks_a_model(name)
    ]
    assert asking == [(CALL, "client.messages.create")]
    (model,) = [node for node in ast.parse((ROOT / CALL).read_text()).body if getattr(node, "name", "") == "Model"]
    assert isinstance(model, ast.ClassDef)
    bodies = {node.name: ast.unparse(node) for node in model.body if isinstance(node, ast.FunctionDef)}
    assert [name for name, body in bodies.items() if "messages.create" in body] == ["_stream"]
    assert [name for name, body in bodies.items() if "self._stream(" in body] == ["_attempt"]
    assert bodies["_attempt"].index("self._admit(") < bodies["_attempt"].index("self._stream(")


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=in_ralph(path)) for path in SOURCES if "anthropic" in path.read_text()]
)
def test_no_client_tries_again_by_itself_since_each_attempt_must_be_paid_for(path: Path) -> None:
    again = clients_that_try_again(path.read_text())
    assert again == []


def test_clients_are_made_in_two_places() -> None:
    """For the real service, and for the scripted one, which is no service."""
    made = {
        in_ralph(path)
        for path in SOURCES
        for _, name in calls_in(path.read_text())
        if name.rpartition(".")[2] in CLIENTS
    }
    assert made == {"ralph/model/client.py", "ralph/replay/scripted.py"}


@pytest.mark.parametrize(
    "line",
    [
        "client.messages.create(model='m')",
        "self._client.beta.messages.stream()",
        "client.messages.count_tokens()",
        "anthropic.Anthropic().messages.batches.create()",
        "client.messages.with_raw_response.create()",
        "client.completions.create()",
        "self.client.post('/v1/messages')",
    ],
)
def test_these_would_be_found(line: str) -> None:
    assert any(asks_a_model(name) for _, name in calls_in(line))


def test_a_client_that_tries_again_would_be_found() -> None:
    assert clients_that_try_again("anthropic.Anthropic(api_key='k')") == ["anthropic.Anthropic"]
    assert clients_that_try_again("Anthropic(max_retries=2)") == ["Anthropic"]
    assert clients_that_try_again("Anthropic(max_retries=0)") == []


def test_the_tables_of_the_ledger_are_written_by_those_who_keep_it() -> None:
    tables = ("reservations", "scope_totals", "unseen_totals", "broken_assumptions", "corrections", "wrong_days")
    names_them = {
        in_ralph(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if any(f"{verb} {table}" in node.value for verb in ("INTO", "UPDATE", "FROM", "TABLE") for table in tables)
    }
    keepers = {"tracing/budget.py", "tracing/ledger_schema.py", "tracing/reconcile.py"}
    assert names_them == keepers | {"tracing/ledger_lately.py"}  # which reads alone


@pytest.mark.parametrize("name", ["budget", "meter", "reconcile", "ledger_schema"])
def test_what_keeps_the_ledger_makes_no_fraction(name: str) -> None:
    """No `/`, no float literal, no `float()`; how an amount is written for a person is the one exception."""
    tree = ast.parse((ROOT / "tracing" / f"{name}.py").read_text())
    for told in [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "usd"]:
        tree.body.remove(told)
    floats = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
    ]
    assert floats == (["0.25"] if name == "meter" else [])  # seconds between looks
