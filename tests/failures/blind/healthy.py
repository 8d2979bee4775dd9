"""Runs without a failure that look as if they had one. A person who reads them finds nothing to repair."""

from collections.abc import Callable
from typing import Any

from tests.failures.blind.build import Script, World
from tests.failures.blind.case import NONE, Told, case
from tests.failures.blind.worlds import (
    CODE,
    DATA,
    GRAPH,
    RAG,
    ROLES,
    SWE,
    TAU,
    TEAM,
    TOPICS,
    WEB,
    fill,
    page,
    passages,
    reservation,
    results,
    retrieve,
    source,
    user,
)


def healthy(world: World, form: str, why: str, goal: str = "") -> Callable[[Told], Told]:
    return case(NONE, world, form, why, goal)


# -- looks like a loop ------------------------------------------------------------------------------------------------


@healthy(
    SWE,
    "genai",
    "Polls a deployment until it is live: the agent waits between looks and the answer changes at the end.",
)
def poll_deployment(s: Script) -> Any:
    fill(s, 8)
    for n in range(12):
        s.call(
            "bash",
            {"command": "kubectl rollout status deploy/web --timeout=5s"},
            f'Waiting for deployment "web" rollout to finish: {n // 3} of 4 updated replicas are available...',
            "Still rolling out, I wait.",
        )
        s.wait(20)
    s.call(
        "bash",
        {"command": "kubectl rollout status deploy/web --timeout=5s"},
        'deployment "web" successfully rolled out',
    )
    s.end("The deployment is live.")


@healthy(
    CODE,
    "genai",
    "Polls CI with `gh run view` until it is green; the status is the same five times because the build takes its time.",
)
def poll_ci(s: Script) -> Any:
    fill(s, 10)
    for _ in range(5):
        s.call(
            "Bash",
            {"command": "sleep 30 && gh run view 8812 --json status"},
            '{"status":"in_progress"}',
            "CI is still running.",
            seconds=31,
        )
    s.call(
        "Bash",
        {"command": "sleep 30 && gh run view 8812 --json status"},
        '{"status":"completed","conclusion":"success"}',
        seconds=31,
    )
    s.end("CI is green.")


@healthy(TAU, "steps", "Pages through search results: page 1 to 12, each with other flights.")
def paging(s: Script) -> Any:
    for n in range(12):
        s.call(
            "search_flights",
            {"origin": "JFK", "destination": "LAX", "page": n + 1},
            {
                "page": n + 1,
                "flights": [{"flight_number": f"HAT{n * 3 + k:03d}", "price": 120 + n * 9 + k} for k in range(3)],
            },
        )
    s.end("The cheapest flight is HAT000.")


@healthy(WEB, "trail", "Reads a long PDF with page_down: the same call without arguments, each time another part.")
def page_downs(s: Script) -> Any:
    fill(s, 3)
    s.call(
        "visit_page",
        {"url": "https://www.gutenberg.org/files/84.txt"},
        page("Frankenstein", "1818", "gutenberg.org/84"),
    )
    for n in range(11):
        s.call(
            "page_down",
            {},
            f"Viewport position: Showing page {n + 2} of 14.\nLetter {n}: {TOPICS[n % 14][0]}; {TOPICS[n % 14][1]}.",
            "Thought: not here yet, next page.",
        )
    s.end("Lackington")


@healthy(
    SWE,
    "steps",
    "Test, edit, test: the same test command nine times, an edit before each, the failures go down from nine to zero.",
)
def test_edit_cycles(s: Script) -> Any:
    fill(s, 4)
    for n in range(9):
        s.call(
            "bash",
            {"command": f"sed -i '{40 + n}s/int(/round(/' src/billing/invoice.py"},
            "",
            f"Correct line {40 + n}.",
        )
        left = 8 - n
        shown = f"{left} failed, {30 + n} passed in 1.2s" if left else "39 passed in 1.1s"
        s.call(
            "bash", {"command": "pytest -q tests/billing"}, shown, "Test again.", error="exit status 1" if left else ""
        )
    s.end("All tests pass.")


@healthy(CODE, "genai", "Reads the same file again after each edit to check the lines.")
def reread_after_edit(s: Script) -> Any:
    path = "/repo/src/search/index.py"
    for n in range(7):
        s.call("Read", {"file_path": path}, source(f"merge_{n}", 10 + n, 12), "Look at the present state.")
        s.call(
            "Edit",
            {"file_path": path, "old_string": f"merge_{n}", "new_string": f"merge_{n + 1}"},
            f"The file {path} has been updated. Here's the result:\n{source(f'merge_{n + 1}', 10)}",
            "Rename one step.",
        )
    s.call("Bash", {"command": "pytest -q tests/search"}, "31 passed in 0.88s")
    s.end("Renamed, tests are green.")


@healthy(WEB, "openinference", "Nine similar searches (year by year) that bring nine different tables.")
def year_by_year(s: Script) -> Any:
    for year in range(2010, 2019):
        s.call(
            "web_search",
            {"query": f"Grand Slam men's singles champions {year}"},
            results(f"champions {year}", f"{year} Grand Slam champions", f"en.wikipedia.org/wiki/{year}_in_tennis"),
            f"Thought: now {year}.",
        )
    s.end("Nine years, 21 titles.")


@healthy(
    RAG,
    "openinference",
    "Twelve users ask about the same product; the passages overlap, the answers are to different questions.",
)
def overlapping_questions(s: Script) -> Any:
    for n, word in enumerate(
        (
            "price",
            "weight",
            "warranty",
            "colour",
            "voltage",
            "noise",
            "height",
            "delivery",
            "returns",
            "spares",
            "energy class",
            "manual",
        )
    ):
        with s.chain("answer_question", {"question": f"What is the {word} of the P300 pump?"}):
            retrieve(
                s,
                f"{word} P300 pump",
                [*passages("P300 pump", "a submersible pump")[:2], f"The {word} is listed as value {n}."],
            )
            s.say(f"The {word} is value {n} [data sheet].")
    s.end("Anything else?")


@healthy(SWE, "genai", "Twenty bisect steps: the same command line, a different commit each time.")
def bisect(s: Script) -> Any:
    fill(s, 4)
    for n in range(11):
        s.call(
            "bash",
            {"command": "git bisect run-one ./check.sh"},
            f"Bisecting: {2 ** (10 - n)} revisions left to test after this (roughly {10 - n} steps)\n[{n * 7919 + 4096:07x}] change {n}",
            "Next step of the bisection.",
        )
    s.end("The first bad commit was found.")


@healthy(
    TEAM, "genai", "Reviewer and programmer alternate eight rounds and each round has another remark and another patch."
)
def review_rounds(s: Script) -> Any:
    for n, remark in enumerate(
        (
            "guard the empty board",
            "name the constants",
            "close the file",
            "test the draw",
            "drop the global",
            "type the helper",
            "split move()",
            "document undo",
        )
    ):
        with s.agent("Code Reviewer", f"Review round {n}"):
            s.say(f"Please {remark} in game.py.")
        with s.agent("Programmer", f"Apply remark {n}"):
            s.say(f"Done: {remark}.\n```python\ndef part_{n}(board):\n    return board.rule({n})\n```")
    s.end("Approved after eight rounds.")


@healthy(GRAPH, "openinference", "Planner, researcher and writer alternate ten times, one section each.")
def sections(s: Script) -> Any:
    fill(s, 30)
    s.end("The briefing has ten sections.")


@healthy(TAU, "openinference", "Thinks the same short sentence before different look-ups; 14 reservations are checked.")
def same_thought(s: Script) -> Any:
    for n in range(14):
        s.call(
            "get_reservation_details",
            {"reservation_id": f"XY{n}ABC"},
            reservation(s, n),
            "Let me check this reservation.",
        )
    s.end("Three of them can be changed.")


@healthy(DATA, "genai", "The same cell (`optimizer.step()`) nine times; the loss falls each time.")
def training(s: Script) -> Any:
    fill(s, 6)
    for n in range(9):
        s.call("python", {"code": "train_one_epoch(); print(loss)"}, f"{1.9 * 0.7**n:.5f}", "One more epoch.")
    s.end("The loss is down to 0.1.")


@healthy(CODE, "openinference", "A flaky network: git push fails twice, works on the third try, and the agent says so.")
def flaky_push(s: Script) -> Any:
    fill(s, 12)
    for _ in range(2):
        s.call(
            "Bash",
            {"command": "git push origin fix"},
            "fatal: unable to access: Could not resolve host",
            "Try again.",
            error="Exit code 128",
        )
    s.call("Bash", {"command": "git push origin fix"}, "To origin\n * [new branch] fix -> fix", "Third try.")
    s.end("Pushed on the third try; the network was down for a moment.")


@healthy(SWE, "steps", "Runs ls in five different folders and git status after each of four edits.")
def git_status(s: Script) -> Any:
    for n, word in enumerate(("api", "orders", "auth", "geo", "mailer")):
        s.call("bash", {"command": f"ls src/{word}"}, f"__init__.py\n{word}_main.py\npart_{n}.py")
        s.call("bash", {"command": f"sed -i s/a{n}/b{n}/ src/{word}/part_{n}.py"}, "")
        s.call("bash", {"command": "git status --short"}, "\n".join(f" M src/x/part_{k}.py" for k in range(n + 1)))
    s.end("Five files changed.")


@healthy(
    WEB,
    "trail",
    "Two sub-agents search for the same thing on purpose, one in English and one in German, and the answers are compared.",
)
def two_languages(s: Script) -> Any:
    fill(s, 3)
    for language, words in (("English", "first lighthouse keeper woman"), ("German", "erste Leuchtturmwärterin")):
        with s.step(), s.agent("search_agent", f"Find it in {language} sources"):
            for n in range(3):
                s.call(
                    "web_search",
                    {"query": f"{words} {n + 1800}"},
                    results(words, f"{words} {n}", f"lights.org/{language}/{n}"),
                    "Thought: look.",
                )
            s.say(f"{language} sources say Ida.")
    s.end("Both say Ida.")


# -- looks like a failing provider or a failing model -----------------------------------------------------------------


@healthy(CODE, "genai", "One 529, one retry, and the run goes on: usual weather.")
def one_retry(s: Script) -> Any:
    fill(s, 15)
    s.say("", error="OverloadedError: 529 Overloaded", seconds=1.0)
    s.wait(2)
    fill(s, 12)
    s.end("All fixed.")


@healthy(
    SWE,
    "genai",
    "The task is about rate limits: the code, the tests and the answer speak of 429 and 'rate limit exceeded' all the time.",
    "Implement retry with backoff for HTTP 429 in client.py.",
)
def about_rate_limits(s: Script) -> Any:
    for n in range(8):
        s.call(
            "bash",
            {"command": f"sed -n '{n * 20},{n * 20 + 20}p' src/api/client.py"},
            f"{n * 20}: if response.status_code == 429:\n{n * 20 + 1}:     raise RateLimitError('Rate limit exceeded, retry {n}')",
            "Read how the client treats 429 rate limits.",
        )
        s.call("bash", {"command": f"sed -i '{n * 20 + 1}s/raise.*/time.sleep(2 ** {n})/' src/api/client.py"}, "")
    s.call(
        "bash",
        {"command": "pytest -q tests/test_rate_limit.py"},
        "test_429_too_many_requests PASSED\ntest_usage_limit_reached PASSED\n12 passed",
    )
    s.end(
        "The client now waits and tries again on 429 Too Many Requests; after five tries it raises RateLimitError('usage limit reached')."
    )


@healthy(
    RAG,
    "openinference",
    "Questions about error messages: the passages and answers contain 'Internal server error', 'Error 500', 'Traceback'.",
    "Answer support questions about error codes of the router.",
)
def about_errors(s: Script) -> Any:
    for n, code in enumerate(
        (
            "Error 500: Internal server error",
            "403 Forbidden",
            "Traceback (most recent call last)",
            "Connection refused",
            "quota exceeded",
            "No such file or directory",
            "certificate has expired",
            "out of memory",
        )
    ):
        with s.chain("answer_question", {"question": f"What does '{code}' mean?"}):
            retrieve(
                s,
                code,
                [
                    f"'{code}' is shown when part {n} of the router is not reachable.",
                    f"To repair '{code}', restart service {n}.",
                ],
            )
            s.say(f"'{code}' means that part {n} is not reachable. Restart service {n}.")
    s.end("I hope that this helps.")


@healthy(TAU, "steps", "An honest refusal by policy: basic economy cannot be changed; the agent says so and transfers.")
def policy_refusal(s: Script) -> Any:
    fill(s, 6)
    s.call(
        "transfer_to_human_agents",
        {"summary": "Customer wants to change basic economy, which the policy forbids."},
        "Transfer successful",
    )
    s.end(
        "I'm sorry, but I can't change a basic economy reservation; the policy does not allow it. I have transferred you to a colleague."
    )


@healthy(WEB, "trail", "The final answer is one word, as the task demands.")
def short_answer(s: Script) -> Any:
    fill(s, 24)
    s.end("Rockhopper")


@healthy(DATA, "openinference", "Answers with no text but with a tool call: that is how this model works.")
def silent_tool_calls(s: Script) -> Any:
    for n in range(15):
        s.call("python", {"code": f"df.nlargest({n + 1}, 'price')"}, f"sku_{n}  {n * 9.1:.2f}")
    s.end("The dearest article is sku_14.")


@healthy(SWE, "steps", "Two answers near the limit, both whole: the agent writes a long file in two parts on purpose.")
def two_parts(s: Script) -> Any:
    fill(s, 8)
    s.call(
        "bash",
        {"command": "cat > docs/guide.md <<'EOF'\n" + "A line of the guide.\n" * 30 + "EOF"},
        "",
        "The first half, as the whole does not fit.",
        out=3900,
    )
    s.call(
        "bash",
        {"command": "cat >> docs/guide.md <<'EOF'\n" + "A line of part two.\n" * 30 + "EOF"},
        "",
        "And the second half.",
        out=3700,
    )
    fill(s, 4)
    s.end("The guide is written in two parts.")


@healthy(GRAPH, "genai", "A long report that ends on its own with stop, well below the limit.")
def long_report(s: Script) -> Any:
    fill(s, 18)
    s.end("\n\n".join(f"## {topic}\n{topic} is documented as {fact} by {url}." for topic, fact, url in TOPICS * 3))


# -- looks like a context or a cost problem ---------------------------------------------------------------------------


@healthy(CODE, "genai", "A long session at 120k tokens, nearly all of it read from the cache; steady cost a turn.")
def long_cached(s: Script) -> Any:
    s.extra_tokens = 100_000
    fill(s, 44)
    s.end("Eleven bugs are fixed.")


@healthy(
    CODE,
    "genai",
    "The context is compacted once at 150k tokens: one call reads no cache, as it must, and the session goes on.",
)
def compaction(s: Script) -> Any:
    s.extra_tokens = 130_000
    fill(s, 18)
    talk = s.talks[-1]
    talk.messages[:] = [
        talk.messages[0],
        {
            "role": "user",
            "content": "This session is being continued from a previous conversation. Summary: four bugs fixed.",
        },
    ]
    talk.seen_tokens = 14_000
    s.extra_tokens = 6000
    fill(s, 18)
    s.end("All fixed.")


@healthy(SWE, "genai", "A usual growth: each turn adds a few hundred tokens over 60 turns.")
def slow_growth(s: Script) -> Any:
    fill(s, 47)
    s.end("The issue is fixed.")


@healthy(
    DATA,
    "genai",
    "Model training takes ten minutes in each of five cells: dear, but that is what was asked.",
    "Train the five candidate models on the full data and compare them. Each takes about ten minutes.",
)
def long_training(s: Script) -> Any:
    fill(s, 5)
    for n, name in enumerate(("ridge", "forest", "boosting", "mlp", "stack")):
        s.call(
            "python",
            {"code": f"fit_full('{name}')"},
            f"{name}: validation {0.7 + n / 50:.3f}",
            f"Train {name}.",
            seconds=560 + 17 * n,
        )
    s.end("Stacking is best with 0.78.")


@healthy(RAG, "openinference", "Every answer reads 40k tokens of passages by design; costs are high and even.")
def big_but_usual(s: Script) -> Any:
    s.extra_tokens = 40_000
    fill(s, 24)
    s.end("Anything else?")


@healthy(TAU, "openinference", "The customer is slow: five minutes pass between messages twice, no call is slow.")
def slow_customer(s: Script) -> Any:
    fill(s, 6)
    s.wait(310)
    s.hear("Sorry, I was away. Yes, please.")
    fill(s, 4)
    s.wait(290)
    s.hear("Thanks.")
    s.end("You are welcome.")


@healthy(
    CODE, "openinference", "The full test suite takes six minutes, as it does every time it is run in this session."
)
def slow_suite(s: Script) -> Any:
    for n in range(5):
        fill(s, 4)
        s.call(
            "Bash",
            {"command": "make test"},
            f"{1200 + n} passed in {355 + n * 3}.20s",
            "The whole suite.",
            seconds=357 + n * 3,
        )
    s.end("Everything is green.")


# -- looks like drift -------------------------------------------------------------------------------------------------


@healthy(
    CODE,
    "genai",
    "The goal's words ('storefront', 'maintain', 'duplicated') are in none of the files; the work is exactly what was asked.",
    "Make the storefront nicer to maintain: pull what is duplicated into shared helpers.",
)
def other_words(s: Script) -> Any:
    names = ("format_money", "parse_date", "slugify", "chunked", "clamp", "read_json", "today", "is_blank")
    for n, name in enumerate(names):
        found = f"/repo/src/orders/util.py:{n + 4}:def {name}(\n/repo/src/billing/util.py:{n + 9}:def {name}("
        s.call("Grep", {"pattern": f"def {name}", "path": "/repo/src"}, found, f"{name} exists twice.")
        new = {"file_path": f"/repo/src/common/{name}.py", "content": f"def {name}(value): return value"}
        s.call("Write", new, f"File created successfully at: /repo/src/common/{name}.py", "One place for it.")
        for package in ("orders", "billing"):
            path = f"/repo/src/{package}/util.py"
            args = {"file_path": path, "old_string": f"def {name}(", "new_string": f"from common.{name} import {name}"}
            s.call("Edit", args, f"The file {path} has been updated: {name} is imported.", f"And {package} imports it.")
        s.call("Bash", {"command": "pytest -q"}, f"{210 + n} passed in 4.{n}s", "Still green?")
    s.end("Eight functions that existed twice now live in src/common and are imported; all tests pass.")


@healthy(
    WEB,
    "trail",
    "Multi-hop question: the second half of the run has only terms that the first half uncovered.",
    "In which year was the birthplace of the author of The Tin Drum first mentioned in writing?",
)
def multi_hop(s: Script) -> Any:
    s.call("web_search", {"query": "author of The Tin Drum"}, "1. Günter Grass, born in Danzig")
    for word in (
        "Danzig first mention",
        "Gdansk 997 Saint Adalbert",
        "Vita sancti Adalberti",
        "John Canaparius manuscript",
        "urbs Gyddanyzc",
        "Gyddanyzc year",
    ):
        s.call(
            "web_search",
            {"query": word},
            results(word, f"{word} - history", f"history.org/{word.replace(' ', '_')}"),
            f"Thought: {word}.",
        )
        s.call(
            "visit_page",
            {"url": f"https://history.org/{word.replace(' ', '_')}"},
            page(word, "997", f"history.org/{word.replace(' ', '_')}"),
            "Thought: read.",
        )
    s.end("997")


@healthy(
    SWE,
    "steps",
    "The environment has to be repaired first (12 steps on pip and a C library), then the issue is fixed.",
    "Fix the rounding of totals in orders/pricing.py.",
)
def environment_first(s: Script) -> Any:
    s.call(
        "bash",
        {"command": "pytest -q tests/orders"},
        "ImportError: libpq.so.5: cannot open shared object file",
        error="exit status 1",
    )
    for n, command in enumerate(
        (
            "apt-get install -y libpq5",
            "ldconfig -p | grep pq",
            "pip install psycopg2-binary",
            "python -c 'import psycopg2'",
            "createdb test",
            "pg_isready",
            "export PGHOST=localhost",
            "psql -c 'select 1'",
            "pip check",
            "pip list | grep -i psy",
        )
    ):
        s.call("bash", {"command": command}, f"ok {n}: {command.split()[0]} finished")
    s.call("bash", {"command": "grep -n round orders/pricing.py"}, "31: return round(total)")
    s.call("bash", {"command": "sed -i '31s/round(total)/round(total, 2)/' orders/pricing.py"}, "")
    s.call("bash", {"command": "pytest -q tests/orders"}, "22 passed in 0.61s")
    s.end("Totals in orders/pricing.py are rounded to cents.")


# -- looks like a tool that changed or failed -------------------------------------------------------------------------


@healthy(
    TAU, "steps", "Optional keys: insurance and passengers are there in some reservations only, as the API documents."
)
def optional_keys(s: Script) -> Any:
    for n in range(14):
        booked = reservation(s, n)
        if n % 3 == 0:
            del booked["insurance"]
        if n % 4 == 1:
            booked["passengers"] = [{"first_name": "Mia", "last_name": "Li"}]
        s.call("get_reservation_details", {"reservation_id": f"OK{n}XYZ"}, booked)
    s.end("All checked.")


@healthy(TAU, "genai", "A field is null where nothing is set, a list is empty where nothing was found.")
def nulls_and_empty(s: Script) -> Any:
    for n in range(10):
        person = user(n)
        person["phone"] = None if n % 2 else f"+49 30 {n}4711"
        person["saved_passengers"] = [] if n % 3 else [{"first_name": "Omar"}]
        s.call("get_user_details", {"user_id": f"u_{n}"}, person)
    s.call("search_direct_flight", {"origin": "MCO", "destination": "PHX", "date": "2024-05-30"}, [])
    s.end("There is no direct flight on that day.")


@healthy(DATA, "genai", "The interpreter returns numbers, tables, lists and texts, as Python does.")
def any_shape(s: Script) -> Any:
    for n, (code, shown) in enumerate(
        (
            ("len(df)", 48210),
            ("df.shape", [48210, 12]),
            ("df.dtypes.to_dict()", {"price": "float64"}),
            ("df.sku[0]", "A100"),
            ("df.isna().any()", False),
            ("None", None),
            ("df.price.max()", 912.5),
            ("list(df)", ["sku", "price"]),
            ("df.head(1).to_dict()", {"sku": {"0": "A100"}}),
            ("'done'", "done"),
        )
    ):
        s.call("python", {"code": f"{code}  # {n}"}, shown if shown is not None else "")
    s.end("48,210 rows, 12 columns.")


@healthy(
    SWE, "genai", "One red test, the cause is found, fixed, and the test is green; the report says what was wrong."
)
def red_then_green(s: Script) -> Any:
    fill(s, 11)
    s.call(
        "bash",
        {"command": "pytest -q tests/geo"},
        "FAILED tests/geo/test_distance.py::test_antipodes - assert nan == 20015\n1 failed, 17 passed",
        error="exit status 1",
    )
    s.call("bash", {"command": "sed -i 's/acos(x)/acos(max(-1, min(1, x)))/' src/geo/distance.py"}, "")
    s.call("bash", {"command": "pytest -q tests/geo"}, "18 passed in 0.3s")
    s.end("Antipodes gave nan because acos got 1.0000000002; it is clamped now. All 18 tests pass.")


@healthy(CODE, "genai", "An honest report of failure: two tests still fail and the agent says so, with reasons.")
def honest_failure(s: Script) -> Any:
    fill(s, 15)
    s.call(
        "Bash",
        {"command": "pytest -q"},
        "FAILED tests/a.py::test_x\nFAILED tests/a.py::test_y\n2 failed, 310 passed",
        error="Exit code 1",
    )
    s.end(
        "I fixed five of the seven bugs. Two tests still fail (test_x, test_y): they need a database that is not available here. I did not finish the task."
    )


@healthy(
    SWE,
    "steps",
    "grep finds nothing (exit 1) several times while the agent narrows down; that is information, not a failure.",
)
def grep_nothing(s: Script) -> Any:
    for n, word in enumerate(("legacy_total", "old_price", "compat_mode", "price_v1", "sum_total")):
        s.call("bash", {"command": f"grep -rn {word} src/"}, "", f"Is {word} still used?", error="exit status 1")
        s.call("bash", {"command": f"sed -i '/{word}/d' docs/names.md"}, "")
        s.call("bash", {"command": f"wc -l docs/names.md  # {n}"}, f"{60 - n} docs/names.md")
    s.call("bash", {"command": "pytest -q"}, "140 passed in 3.1s")
    s.end("Five unused names are gone from the documentation.")


@healthy(WEB, "trail", "Two of twelve pages answer 404; the agent opens others and finds the answer there.")
def two_dead_links(s: Script) -> Any:
    fill(s, 8)
    s.call(
        "visit_page", {"url": "https://old.example.org/a"}, "", "Thought: open it.", error="HTTPError: 404 Not Found"
    )
    s.call(
        "visit_page",
        {"url": "https://web.archive.org/old.example.org/a"},
        page("Old record", "1904", "archive.org/a"),
        "Thought: the archive has it.",
    )
    fill(s, 9)
    s.call("visit_page", {"url": "https://gone.example.net/b"}, "", error="HTTPError: 404 Not Found")
    fill(s, 6)
    s.end("June 1904")


@healthy(
    CODE,
    "genai",
    "A log viewer task: Bash prints lines with ERROR and Traceback from the server's log, which the agent was asked to read.",
    "Look through logs/server.log and tell me which errors happened yesterday and how often.",
)
def reading_logs(s: Script) -> Any:
    for n in range(10):
        s.call(
            "Bash",
            {"command": f"grep -n ERROR logs/server.log | sed -n '{n * 10},{n * 10 + 9}p'"},
            f"{n * 10}:2025-10-08 0{n % 10}:12 ERROR Traceback (most recent call last): TimeoutError in job {n}\n{n * 10 + 1}: ERROR 500 Internal Server Error /api/{n}",
            "Next lines of the log.",
        )
    s.end(
        "Yesterday there were 20 errors: ten TimeoutErrors in jobs 0-9 and ten 500s below /api. Most fall between 03:00 and 06:00."
    )


@healthy(
    GRAPH,
    "openinference",
    "The tool answers {'results': []} for three of nine queries; the researcher says so and goes on.",
)
def some_empty(s: Script) -> Any:
    for n in range(9):
        with s.chain("researcher", {"task": f"t{n}"}):
            found = [] if n % 3 == 2 else [{"url": f"https://t{n}.org", "content": f"fact {n}", "score": 0.7}]
            s.call(
                "tavily_search",
                {"query": f"tidal barrage {TOPICS[n][0]}"},
                {"query": f"q{n}", "results": found, "error": None},
            )
            s.say(f"Question {n}: {'one source' if found else 'no source, I leave it out'}.")
    s.end("Six of nine questions could be answered from sources.")


@healthy(
    SWE, "genai", "Tests that are expected to fail: the agent writes a failing test first (test-driven), then the code."
)
def test_first(s: Script) -> Any:
    for n in range(5):
        s.call(
            "bash",
            {"command": f"cat >> tests/test_clock.py <<'EOF'\ndef test_rule_{n}(): assert rule({n})\nEOF"},
            "",
            f"A test for rule {n} first.",
        )
        s.call(
            "bash",
            {"command": "pytest -q tests/test_clock.py"},
            f"FAILED test_rule_{n}\n1 failed, {n} passed",
            "It must fail first.",
            error="exit status 1",
        )
        s.call("bash", {"command": f"cat >> src/clock.py <<'EOF'\nRULES.append({n})\nEOF"}, "", "Now the code.")
        s.call("bash", {"command": "pytest -q tests/test_clock.py"}, f"{n + 1} passed", "And it passes.")
    s.end("Five rules, five tests, all green.")


# -- looks like runaway agents ----------------------------------------------------------------------------------------


@healthy(CODE, "genai", "Five planned sub-agents, one for each package, each with a summary that the main agent uses.")
def five_planned(s: Script) -> Any:
    s.say("Plan: five packages, one helper each: orders, billing, auth, geo, mailer.")
    for n, package in enumerate(("orders", "billing", "auth", "geo", "mailer")):
        s.say(
            "",
            calls=[
                (
                    f"t{n}",
                    "Task",
                    {"description": f"Review {package}", "subagent_type": "Explore", "prompt": f"Review src/{package}"},
                )
            ],
        )
        with (
            s.chain("Task", {"description": f"Review {package}"}, "TOOL") as node,
            s.agent("Explore", f"Review src/{package}"),
        ):
            s.done = n * 8
            fill(s, 4)
            node.output = s.say(f"{package}: one weak spot in line {n * 11}.").output
        s.hear(str(node.output), "tool")
        s.talks[-1].messages[-1]["id"] = f"t{n}"
    s.done = 60
    fill(s, 8)
    s.end("Five reviews, five weak spots, all repaired.")


@healthy(
    WEB, "trail", "The manager calls the search agent six times, for six different questions, two levels deep at most."
)
def six_questions(s: Script) -> Any:
    for n in range(6):
        with s.step(), s.agent("search_agent", f"Find: {TOPICS[n][0]}"):
            s.done = n * 3
            fill(s, 3)
            s.say(f"{TOPICS[n][0]}: {TOPICS[n][1]}.")
    s.end("Six facts found.")


@healthy(TEAM, "genai", "A usual company run: five roles, six phases, thirty short agent runs, as the process demands.")
def company(s: Script) -> Any:
    fill(s, 30)
    assert len(ROLES) == 5
    s.end("The game, its tests and its manual are ready.")


@healthy(
    GRAPH, "openinference", "A map step over eight documents: eight short copies of one node, planned, then reduced."
)
def map_reduce(s: Script) -> Any:
    for n in range(8):
        with s.agent("summarise_document", f"Summarise document {n}"):
            s.say(f"Document {n} is about {TOPICS[n][0]}: {TOPICS[n][1]}.")
    s.end("Eight documents, one theme: measured facts.")


# -- nothing special --------------------------------------------------------------------------------------------------


@healthy(SWE, "steps", "An ordinary fix in 35 steps.")
def ordinary_swe(s: Script) -> Any:
    fill(s, 35)
    s.passed = True
    s.end("Fixed.")


@healthy(CODE, "openinference", "A long ordinary session of 130 turns; every bug is another file.")
def ordinary_long(s: Script) -> Any:
    fill(s, 130)
    s.end("All bugs of the list are fixed, tests are green.")


@healthy(WEB, "openinference", "An ordinary GAIA run of 30 steps.")
def ordinary_web(s: Script) -> Any:
    fill(s, 30)
    s.end("Ten facts are verified.")


@healthy(DATA, "openinference", "An ordinary analysis: 36 cells.")
def ordinary_data(s: Script) -> Any:
    fill(s, 36)
    s.end("Margin and weight drive returns (R2 0.41).")


@healthy(TAU, "steps", "An ordinary call: five look-ups and a booking.")
def ordinary_tau(s: Script) -> Any:
    fill(s, 10)
    s.call("book_reservation", {"user_id": "mia_li_3668", "flights": [{"flight_number": "HAT136"}]}, reservation(s, 3))
    s.end("Your flight is booked.")
