"""Runs whose model calls fail: cut, empty, refused, retried, too long, too dear, or untrue."""

from typing import Any

from tests.failures.blind.build import Node, Script
from tests.failures.blind.case import case
from tests.failures.blind.worlds import CODE, DATA, GRAPH, RAG, SWE, TAU, TEAM, WEB, fill, page, passages, retrieve

LONG = "The migration has several parts, and each of them needs a careful look at the data before it is moved to the new table. "

# -- provider_retries -------------------------------------------------------------------------------------------------


@case(
    "provider_retries",
    CODE,
    "genai",
    "The same model call fails nine times with 529 Overloaded, the run waits minutes, nobody is told.",
)
def overloaded(s: Script) -> Any:
    fill(s, 12)
    nodes = []
    for n in range(9):
        nodes.append(
            s.say(
                "",
                error="OverloadedError: Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}",
                seconds=2.0 + 3 * n,
            )
        )
        s.wait(2 ** min(n, 6))
    fill(s, 6)
    s.end("Done.")
    return nodes[3], nodes


@case("provider_retries", RAG, "openinference", "Seven RateLimitErrors in a row for one answer.")
def rate_limited(s: Script) -> Any:
    fill(s, 6)
    nodes = []
    with s.chain("answer_question", {"question": "deposit terms?"}):
        retrieve(s, "deposit terms", passages("deposit", "two months"))
        for n in range(7):
            nodes.append(
                s.say(
                    "",
                    error="RateLimitError: Error code: 429 - Rate limit reached for gpt-4o-mini on tokens per min (TPM): Limit 200000, Used 199812. Please try again in 1.2s.",
                    seconds=0.4,
                )
            )
            s.wait(1.3 * (n + 1))
        s.say("Two months.")
    s.end("Two months.")
    return nodes[2], nodes


@case(
    "provider_retries",
    WEB,
    "trail",
    "LiteLLM sends the same messages six times: APIConnectionError, each after the 60 s time limit.",
)
def connection(s: Script) -> Any:
    fill(s, 9)
    nodes = []
    with s.step():
        error = "litellm.APIConnectionError: Connection error. Timeout passed=60.0, time taken=60.012 seconds"
        nodes += [s.say("", error=error, seconds=60.0) for _ in range(6)]
        s.say("Thought: back again.")
    fill(s, 3)
    s.end("Rockhopper")
    return nodes[2], nodes


@case(
    "provider_retries",
    DATA,
    "genai",
    "Identical prompts answered five times with the same content and dropped: the client retries on its own without an error recorded.",
)
def silent_resend(s: Script) -> Any:
    fill(s, 9)
    text = '```json\n{"columns": ["price", "margin"], "target": "returned",}\n```'
    nodes = []
    for _ in range(6):
        node = s.say(text, out=40)
        s.talks[-1].messages.pop()
        nodes.append(node)
    fill(s, 4)
    s.end("Margin drives returns.")
    return nodes[2], nodes


@case(
    "provider_retries",
    GRAPH,
    "openinference",
    "InternalServerError eight times with growing gaps in the writer node; the graph waits 4 minutes.",
)
def server_error(s: Script) -> Any:
    fill(s, 8)
    nodes = []
    with s.chain("writer", {"notes": "all"}):
        for n in range(8):
            nodes.append(
                s.say(
                    "",
                    error="openai.InternalServerError: Error code: 500 - The server had an error while processing your request.",
                    seconds=5.0,
                )
            )
            s.wait(2**n / 2)
        s.say("## Summary\nTidal power grows.")
    s.end("## Summary\nTidal power grows.")
    return nodes[3], nodes


# -- token_exhaustion -------------------------------------------------------------------------------------------------


@case(
    "token_exhaustion",
    CODE,
    "genai",
    "Write is cut at max_tokens, its arguments are broken JSON, and the same cut comes again twice.",
)
def cut_write(s: Script) -> Any:
    fill(s, 10)
    nodes = []
    for n in range(3):
        broken = '{"file_path": "/repo/docs/migration.md", "content": "' + LONG * 3
        nodes.append(
            s.say("I'll write the whole document.", stop="length", out=4096, calls=[(f"toolu_{n}", "Write", broken)])
        )
        nodes.append(
            s.tool(
                "Write",
                broken,
                "",
                error="InputValidationError: Write failed: Unterminated string in JSON at position 24412",
            )
        )
        s.hear("InputValidationError: Unterminated string in JSON at position 24412", "tool")
        s.talks[-1].messages[-1]["id"] = f"toolu_{n}"
    s.end("The document could not be written.")
    return nodes[0], nodes


@case(
    "token_exhaustion",
    GRAPH,
    "openinference",
    "The report ends in the middle of a word with no stop reason; 1024 of 1024 tokens were used.",
)
def cut_no_reason(s: Script) -> Any:
    fill(s, 9)
    with s.chain("writer", {"notes": "all sections"}):
        node = s.say(LONG * 30 + "The third part conc", stop=None, out=1024, max_tokens=1024)
    s.close(str(node.output))
    return node, [s.root.children[-1]]


@case(
    "token_exhaustion",
    SWE,
    "steps",
    "A heredoc is cut (finish=length); bash waits for the EOF; the next two commands are cut as well.",
)
def cut_heredoc(s: Script) -> Any:
    fill(s, 12)
    nodes = []
    for n in range(3):
        command = f"cat <<'EOF' > src/table_{n}.py\n" + "ROWS = [\n" + "    (1, 'alpha', 0.5),\n" * 60 + "    (2, 'be"
        nodes.append(
            s.call(
                "bash",
                {"command": command},
                "bash: warning: here-document at line 1 delimited by end-of-file (wanted `EOF')",
                stop="length",
                out=2048,
                max_tokens=2048,
                error="exit status 1",
            )
        )
    s.end("I wrote the tables.")
    return nodes[0], nodes


@case(
    "token_exhaustion",
    RAG,
    "genai",
    "The prompt passes the window: 'maximum context length is 128000 tokens'; the answer is given without passages afterwards.",
)
def window(s: Script) -> Any:
    fill(s, 8)
    with s.chain("answer_question", {"question": "Summarise all annual reports."}):
        retrieve(s, "annual reports", passages("annual report", LONG * 6))
        node = s.say(
            "",
            error="BadRequestError: Error code: 400 - This model's maximum context length is 128000 tokens. However, your messages resulted in 151922 tokens.",
            add_tokens=150_000,
        )
        s.say("I am sorry, I cannot summarise the reports.")
    s.end("I am sorry, I cannot summarise the reports.")
    return node, []


@case(
    "token_exhaustion",
    DATA,
    "genai",
    "Reasoning uses all 8192 tokens: stop is max_tokens and the visible answer is empty, twice.",
)
def all_thought(s: Script) -> Any:
    fill(s, 9)
    first = s.say("", stop="max_tokens", out=8192, max_tokens=8192)
    s.hear("Your answer was empty. Please answer.")
    second = s.say("", stop="max_tokens", out=8192, max_tokens=8192)
    s.close("")
    return first, [second]


@case(
    "token_exhaustion",
    WEB,
    "trail",
    "Each page joins the context whole; at 198k tokens the answers are cut after a few words and the parser finds no code.",
)
def window_creeps(s: Script) -> Any:
    fill(s, 6)
    s.extra_tokens = 196_000
    nodes = []
    for n in range(4):
        with s.step():
            nodes.append(s.say("Thought: I should now comb", stop="length", out=180 - n * 40, max_tokens=180 - n * 40))
            s.hear(
                "Error in code parsing: Your code snippet is invalid, because the regex pattern ```(?:py|python)?\\n(.*?)\\n``` was not found in it."
            )
    s.end("Thought: I")
    return nodes[0], nodes


# -- context_growth ---------------------------------------------------------------------------------------------------


@case(
    "context_growth",
    SWE,
    "genai",
    "A 90 kB log is printed on every turn; the context grows from 3k to 160k tokens and each turn costs more than the last.",
)
def logs(s: Script) -> Any:
    fill(s, 8)
    nodes = []
    for n in range(22):
        s.extra_tokens += 7000
        nodes.append(
            s.call(
                "bash",
                {"command": f"make build STEP={n} VERBOSE=1"},
                f"cc -c part_{n}.c\n" * 60 + f"built {n}",
                f"Build part {n} with full output.",
            )
        )
    s.end("Built.")
    return nodes[0], nodes


@case(
    "context_growth",
    WEB,
    "trail",
    "Whole pages (20k tokens each) pile up; the last turn reads 210k tokens to print a date.",
)
def pages_pile_up(s: Script) -> Any:
    nodes = []
    for n in range(12):
        s.extra_tokens += 17_000 + n * 100
        nodes.append(
            s.call(
                "visit_page",
                {"url": f"https://archive.org/details/report{n}"},
                page(f"Report {n}", f"fact {n}", f"archive.org/details/report{n}") * 4,
                f"Thought: I open report {n}.",
            )
        )
    s.end("23 March 2001")
    return nodes[6], nodes


@case(
    "context_growth",
    GRAPH,
    "openinference",
    "The state is appended to itself at every node: input tokens double each round from 2k to 250k.",
)
def state_doubles(s: Script) -> Any:
    nodes: list[Node] = []
    for n in range(8):
        fill(s, 2)
        s.extra_tokens = 2000 * 2**n
        with s.chain("writer", {"round": n}):
            nodes.append(s.say(f"Round {n}: I add a paragraph on aspect {n}."))
    s.end("Done.")
    return nodes[5], nodes


@case(
    "context_growth",
    TAU,
    "openinference",
    "Every tool answer carries the whole flight table; 40 turns later each 'yes' costs 95k tokens.",
)
def flight_table(s: Script) -> Any:
    nodes = []
    for n in range(26):
        s.extra_tokens += 3600
        nodes.append(
            s.call(
                "search_onestop_flight",
                {"origin": "JFK", "destination": "SEA", "date": f"2024-05-{n + 1:02d}"},
                [{"flight": f"HAT{n * 3 + k}", "price": 100 + n + k} for k in range(12)],
            )
        )
    s.end("The cheapest is HAT12.")
    return nodes[0], nodes


@case(
    "context_growth",
    DATA,
    "genai",
    "print(df) of 60,000 rows enters the context again and again: from 4k to 180k tokens within 15 cells.",
)
def prints_df(s: Script) -> Any:
    fill(s, 4)
    nodes = []
    for n in range(15):
        s.extra_tokens += 11_500
        nodes.append(
            s.call(
                "python",
                {"code": f"print(df.iloc[{n * 4000}:{(n + 1) * 4000}].to_string())"},
                "\n".join(f"{n * 4000 + k}  {k * 1.1:.2f}" for k in range(80)),
                "Look at the rows.",
            )
        )
    s.end("Nothing stands out.")
    return nodes[0], nodes


# -- cache_break ------------------------------------------------------------------------------------------------------


@case(
    "cache_break",
    CODE,
    "genai",
    "From turn 15 on nothing is read from the cache any more although the prefix has 60k tokens.",
)
def cache_lost(s: Script) -> Any:
    s.extra_tokens = 45_000
    fill(s, 15)
    s.cache_is_off = True
    fill(s, 12)
    s.end("All fixed.")
    llms = [n for n in s.root.children if n.llm]
    return llms[15], llms[16:]


@case(
    "cache_break",
    CODE,
    "openinference",
    "One call in the middle reads nothing from the cache (a new tool joined the prompt): 80k tokens are written anew.",
)
def one_miss(s: Script) -> Any:
    s.extra_tokens = 80_000
    fill(s, 14)
    node = s.say("I see new tools are available.", cached=False)
    fill(s, 10)
    s.end("Done.")
    return node, []


@case(
    "cache_break",
    DATA,
    "genai",
    "A time stamp at the head of the system prompt changes every turn: every third call misses the cache.",
)
def timestamp(s: Script) -> Any:
    s.extra_tokens = 30_000
    nodes = []
    for n in range(24):
        miss = n % 3 == 2
        s.call(
            "python", {"code": f"df.sample({n + 5}).mean()"}, f"mean {n * 0.31:.3f}", f"Sample {n}.", cached=not miss
        )
        if miss:
            nodes.append(s.root.children[-2])
    s.end("Done.")
    return nodes[0], nodes


@case(
    "cache_break",
    TEAM,
    "genai",
    "The history is re-ordered for each speaker: cache reads fall from 95 % to zero at the third phase and stay there.",
)
def reordered(s: Script) -> Any:
    s.extra_tokens = 50_000
    for n in range(10):
        s.say(f"Phase {n}: the timer module now handles case {n}.", cached=True)
        s.hear(f"Next: case {n + 1}.")
    nodes = []
    for n in range(10):
        nodes.append(s.say(f"Phase {n + 10}: the pause button handles case {n}.", cached=False))
        s.hear(f"Next: case {n + 11}.")
    s.end("Done.")
    return nodes[0], nodes


@case(
    "cache_break",
    CODE,
    "genai",
    "After a ten minute pause the whole 120k prefix is paid anew, and again after each of three further pauses.",
)
def pauses(s: Script) -> Any:
    s.extra_tokens = 120_000
    nodes = []
    for _ in range(4):
        fill(s, 6)
        s.wait(640)
        nodes.append(s.say("Back to work.", cached=False))
    s.end("Done.")
    return nodes[0], nodes


# -- silent_model_error -----------------------------------------------------------------------------------------------


@case(
    "silent_model_error",
    RAG,
    "openinference",
    "The model's answer is empty with finish_reason stop, and the pipeline returns it.",
)
def empty_answer(s: Script) -> Any:
    fill(s, 7)
    with s.chain("answer_question", {"question": "notice period?"}):
        retrieve(s, "notice period", passages("notice period", "four weeks"))
        node = s.say("", out=0)
    fill(s, 2)
    s.end("Anything else?")
    return node, []


@case(
    "silent_model_error",
    GRAPH,
    "openinference",
    "The writer refuses ('I'm sorry, but I can't assist with that'), and the refusal becomes the section's text.",
)
def refusal(s: Script) -> Any:
    fill(s, 8)
    with s.chain("writer", {"notes": "medieval siege weapons"}):
        node = s.say("I'm sorry, but I can't assist with that request.")
    fill(s, 3)
    s.end("# Briefing\nI'm sorry, but I can't assist with that request.")
    return node, []


@case(
    "silent_model_error",
    CODE,
    "genai",
    "'Claude AI usage limit reached|1760050800' arrives as the model's text; the session ends as a success.",
)
def limit_reached(s: Script) -> Any:
    fill(s, 14)
    node = s.end("Claude AI usage limit reached|1760050800")
    return node, []


@case(
    "silent_model_error",
    WEB,
    "trail",
    'A provider error is dressed as text: \'API Error: 500 {"type":"error"...}\' as the assistant\'s message, status OK.',
)
def error_as_text(s: Script) -> Any:
    fill(s, 9)
    with s.step():
        node = s.say(
            'API Error: 500 {"type":"error","error":{"type":"api_error","message":"Internal server error"},"request_id":"req_011CT"}'
        )
    fill(s, 3)
    s.end("unknown")
    return node, []


@case("silent_model_error", DATA, "genai", "The text of the model turns into a repetition without end of one token.")
def babble(s: Script) -> Any:
    fill(s, 8)
    node = s.say("The most important driver is the the the the the " + "the " * 700, out=720)
    fill(s, 2)
    s.end("The the the.")
    return node, []


@case(
    "silent_model_error",
    TAU,
    "openinference",
    "The model answers 'null' to the customer in place of a sentence, and goes on.",
)
def null_text(s: Script) -> Any:
    fill(s, 6)
    s.hear("Please book the flight at noon.")
    node = s.say("null", out=1)
    s.hear("Hello? Are you there?")
    s.end("Your flight is booked.")
    return node, []


@case(
    "silent_model_error",
    TEAM,
    "genai",
    "The reviewer's turn is a content filter's stop: no text, finish_reason content_filter, and the phase counts as approved.",
)
def filtered(s: Script) -> Any:
    fill(s, 7)
    with s.agent("Code Reviewer", "Review game.py"):
        node = s.say("", stop="content_filter", out=0)
    fill(s, 3)
    s.end("The product is approved.")
    return node, []


# -- contradicted_claim -----------------------------------------------------------------------------------------------


@case(
    "contradicted_claim",
    SWE,
    "genai",
    "The last test run shows 3 failures; the final message says that all tests pass.",
)
def tests_pass(s: Script) -> Any:
    fill(s, 14)
    test = s.call(
        "bash",
        {"command": "pytest -q"},
        "FAILED tests/test_orders.py::test_total\nFAILED tests/test_orders.py::test_tax\nFAILED tests/test_api.py::test_page\n3 failed, 118 passed in 9.41s",
        "Run everything.",
        error="exit status 1",
    )
    node = s.end("I fixed the rounding in apply_discount. All tests pass now and the issue is resolved.")
    return node, [test]


@case("contradicted_claim", SWE, "steps", "The agent submits and says it is done; the hidden tests say it is not.")
def submitted(s: Script) -> Any:
    fill(s, 15)
    s.passed = False
    node = s.call(
        "bash",
        {"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git add -A && git diff --cached"},
        "diff --git a/src/orders/pricing.py b/src/orders/pricing.py\n-    step_1\n+    step_2",
    )
    last = s.end("The issue is fixed and verified: all tests pass.")
    return last, [node]


@case(
    "contradicted_claim",
    TAU,
    "steps",
    "book_reservation answered with an error; the agent tells the customer that the booking is confirmed.",
)
def not_booked(s: Script) -> Any:
    fill(s, 5)
    tool = s.call(
        "book_reservation",
        {"user_id": "mia_li_3668", "flights": [{"flight_number": "HAT136"}]},
        "Error: payment method credit_card_4421486 has insufficient balance",
    )
    node = s.end("Great news: your flight HAT136 is booked and confirmed. You will get an email shortly.")
    return node, [tool]


@case(
    "contradicted_claim",
    CODE,
    "openinference",
    "The agent says that it ran the test suite and it passed, but no test was ever run.",
)
def never_ran(s: Script) -> Any:
    for n in range(9):
        s.call("Read", {"file_path": f"/repo/src/part_{n}.py"}, f"def part_{n}(): return {n}", f"Read part {n}.")
    s.call(
        "Edit",
        {"file_path": "/repo/src/part_3.py", "old_string": "return 3", "new_string": "return 4"},
        "The file /repo/src/part_3.py has been updated.",
        "The fix.",
    )
    return s.end("Fixed. I ran the full test suite and all 212 tests pass."), []


@case(
    "contradicted_claim",
    TEAM,
    "genai",
    "The tester's log shows a traceback; the CEO declares the product tested and free of errors.",
)
def declared_done(s: Script) -> Any:
    fill(s, 8)
    with s.agent("Software Test Engineer", "Run main.py"):
        tool = s.call(
            "run",
            {"command": "python main.py"},
            "Traceback (most recent call last):\n  File \"main.py\", line 3, in <module>\n    import pygame\nModuleNotFoundError: No module named 'pygame'",
            error="exit status 1",
        )
        s.say("The software runs successfully without errors.")
    node = s.end("The product was tested and is free of errors. <INFO> Finished.")
    return node, [tool, s.root.children[-2].children[-1]]


@case(
    "contradicted_claim",
    DATA,
    "genai",
    "The notebook printed R2 = 0.08; the report says the model explains 92 % and the check of the report failed.",
)
def wrong_figure(s: Script) -> Any:
    fill(s, 9)
    tool = s.call("python", {"code": "r2_score(y_test, model.predict(X_test))"}, "0.0813", "Score.")
    check = s.call(
        "python", {"code": "assert r2 > 0.9, r2"}, "AssertionError: 0.0813", "Check.", error="AssertionError: 0.0813"
    )
    node = s.end("The model works very well: it explains 92 % of the variance, and all checks passed.")
    return node, [tool, check]


# -- cost_or_latency_anomaly ------------------------------------------------------------------------------------------


@case("cost_or_latency_anomaly", CODE, "genai", "One model call takes 11 minutes where its neighbours take 3 seconds.")
def slow_call(s: Script) -> Any:
    fill(s, 14)
    node = s.say("Let me think about the structure.", seconds=662.0)
    fill(s, 10)
    s.end("Done.")
    return node, []


@case("cost_or_latency_anomaly", WEB, "trail", "visit_page hangs for 15 minutes, then brings a usual page.")
def slow_page(s: Script) -> Any:
    fill(s, 11)
    node = s.call(
        "visit_page",
        {"url": "https://slow.example.org/annals"},
        page("Annals", "1871", "slow.example.org/annals"),
        "Thought: open the annals.",
        seconds=914.0,
    )
    fill(s, 6)
    s.end("1871")
    return node, s.root.children[11:12]


@case(
    "cost_or_latency_anomaly",
    RAG,
    "openinference",
    "One answer reads 118k tokens where the others read 1-2k: the retriever returned the whole collection.",
)
def dear_answer(s: Script) -> Any:
    fill(s, 14)
    with s.chain("answer_question", {"question": "What is the fee?"}):
        tool = retrieve(s, "fee", passages("fee", "12 euros") * 20)
        node = s.say("12 euros.", add_tokens=118_000, seconds=31.0)
    fill(s, 8)
    s.end("Anything else?")
    return node, [tool]


@case(
    "cost_or_latency_anomaly",
    TAU,
    "openinference",
    "One turn writes 15,800 tokens of reasoning for a yes-or-no question; the others write 40.",
)
def long_answer(s: Script) -> Any:
    fill(s, 12)
    s.hear("Is breakfast included?")
    node = s.say("No, breakfast is not included.", out=15_800, max_tokens=32_000, seconds=240.0)
    fill(s, 6)
    s.end("Good bye.")
    return node, []


@case(
    "cost_or_latency_anomaly", SWE, "genai", "pip install blocks for 48 minutes in a run whose commands take a second."
)
def slow_install(s: Script) -> Any:
    fill(s, 13)
    node = s.call(
        "bash",
        {"command": "pip install -e '.[dev]'"},
        "Successfully installed app-0.3.1",
        "Install it.",
        seconds=2881.0,
    )
    fill(s, 9)
    s.end("Done.")
    return node, []
