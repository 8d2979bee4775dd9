"""Eight kinds of agent, and ordinary work for each: distinct calls that get distinct answers."""

from collections.abc import Callable
from typing import Any

from tests.failures.blind.build import Script, World

SWE = World("swe", "swe-agent", "gpt-4.1", "You are a software engineer. Interact with a bash shell to fix the issue.")
CODE = World(
    "code",
    "claude-code",
    "claude-sonnet-4-5",
    "You are Claude Code, a CLI for software engineering. Use the tools Read, Grep, Edit, Write, Bash, Task.",
    cached=True,
    base_tokens=14_000,
)
WEB = World(
    "web",
    "CodeAgent",
    "o3-mini",
    "You are an expert assistant who solves any task with tool calls: web_search, visit_page, python_interpreter, final_answer.",
    stepped=True,
    base_tokens=2600,
)
TAU = World(
    "tau", "airline-agent", "gpt-4o", "You are an airline customer service agent. Follow the policy.", base_tokens=3100
)
GRAPH = World("graph", "research_graph", "gpt-4.1-mini", "You are one node in a graph: planner, researcher or writer.")
RAG = World("rag", "docs-assistant", "gpt-4o-mini", "Answer from the retrieved passages only. Cite them.")
DATA = World("data", "data-analyst", "claude-sonnet-4-5", "You analyse data in a Python notebook. Tool: python.")
TEAM = World("team", "software-company", "gpt-4o", "You are a member of a software company of agents.")

AREAS = (
    ("orders", "pricing", "apply_discount", "the discount is rounded twice"),
    ("billing", "invoice", "render_lines", "blank lines lose their tax code"),
    ("auth", "session", "renew_token", "a token renewed at midnight is refused"),
    ("search", "index", "merge_postings", "duplicates survive a merge"),
    ("mailer", "queue", "drain", "the last message stays in the queue"),
    ("export", "csv_writer", "quote_field", "quotes are doubled once too often"),
    ("sched", "cron", "next_run", "february 29 is skipped"),
    ("cache", "lru", "evict", "an entry is evicted while it is read"),
    ("geo", "distance", "haversine", "antipodes give nan"),
    ("media", "thumbs", "crop_box", "portrait images are cropped at the head"),
    ("users", "profile", "merge_accounts", "the older avatar wins"),
    ("api", "paging", "next_cursor", "the cursor repeats the last row"),
)
TOPICS = (
    ("Lake Baikal maximum depth", "1,642 metres", "en.wikipedia.org/wiki/Lake_Baikal"),
    ("Mercedes Sosa studio albums 2000-2009", "three albums", "en.wikipedia.org/wiki/Mercedes_Sosa"),
    ("Fastnet lighthouse first lit", "June 1904", "irishlights.ie/fastnet"),
    ("atomic weight of rhenium", "186.207", "ciaaw.org/rhenium"),
    ("Mir space station deorbit date", "23 March 2001", "nasa.gov/history/mir"),
    ("author of The Tin Drum birthplace", "Danzig", "nobelprize.org/grass"),
    ("tallest timber building 2022", "Ascent MKE, 86.6 m", "ctbuh.org/ascent"),
    ("BERT base encoder layers", "12 layers", "arxiv.org/abs/1810.04805"),
    ("Whitney museum Hopper Nighthawks", "Art Institute of Chicago", "artic.edu/nighthawks"),
    ("penguin species in Upson 1970s list", "Rockhopper", "upenn.edu/penguins"),
    ("population of Tuvalu census 2017", "10,645", "stats.gov.tv/census"),
    ("Sagrada Familia architect before Gaudi", "Francisco de Paula del Villar", "sagradafamilia.org/history"),
    ("Eurovision 1974 runner-up", "Gigliola Cinquetti", "eurovision.tv/1974"),
    ("first edition of Frankenstein publisher", "Lackington, Hughes", "bl.uk/frankenstein"),
)
NAMES = ("mia_li_3668", "omar_davis_3817", "raj_sanchez_7340", "anya_garcia_5901", "yusuf_rossi_9620", "sofia_kim_7287")
CITIES = ("JFK", "SEA", "ORD", "ATL", "DEN", "MIA", "PHX", "BOS", "LAX", "DFW", "IAH", "MCO")
COLUMNS = (
    "price",
    "region",
    "sku",
    "returned",
    "weight_kg",
    "channel",
    "age_days",
    "margin",
    "rating",
    "stock",
    "city",
    "tax",
)
ROLES = ("Chief Product Officer", "Chief Technology Officer", "Programmer", "Code Reviewer", "Software Test Engineer")


def fill(script: Script, steps: int) -> None:
    """So many more steps of ordinary work."""
    for _ in range(steps):
        WORK[script.world.name](script, script.done)
        script.done += 1


def _area(number: int) -> tuple[str, str, str, str]:
    package, module, function, trouble = AREAS[number % len(AREAS)]
    turn = number // len(AREAS)
    return package, module + (f"_v{turn}" if turn else ""), function + (f"_{turn}" if turn else ""), trouble


def source(function: str, line: int, lines: int = 14) -> str:
    body = [
        f"def {function}(value, *, strict=False):",
        f'    """Return the {function.replace("_", " ")} of a value."""',
    ]
    body += [f"    step_{n} = value.part({n + line % 7})  # {function} {n * 3 + line}" for n in range(lines - 3)]
    return "\n".join(f"{line + n:5d}\t{text}" for n, text in enumerate([*body, "    return step_0"]))


def _swe(s: Script, number: int) -> None:
    package, module, function, trouble = _area(number // 4)
    path, line = f"src/{package}/{module}.py", 20 + s.rng.randrange(200)
    match number % 4:
        case 0:
            hits = f"{path}:{line}:def {function}(value, *, strict=False):\nsrc/{package}/views.py:{line + 9}:    {function}(row)"
            s.call("bash", {"command": f'grep -rn "{function}" src/'}, hits, f"Find where {function} lives.")
        case 1:
            s.call(
                "bash",
                {"command": f"nl -ba {path} | sed -n '{line},{line + 14}p'"},
                source(function, line),
                f"Read it: {trouble}.",
            )
        case 2:
            edit = f"sed -i '{line + 3}s/step_1/step_2/' {path} && git diff --stat"
            s.call(
                "bash",
                {"command": edit},
                f" {path} | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)",
                "Apply the change.",
            )
        case _:
            passed = 3 + s.rng.randrange(40)
            shown = f"{'.' * passed}\n{passed} passed in {s.rng.uniform(0.1, 4):.2f}s"
            s.call(
                "bash",
                {"command": f"pytest -q tests/{package}/test_{module}.py"},
                shown,
                f"Run the tests of {package}.",
            )


def _code(s: Script, number: int) -> None:
    package, module, function, trouble = _area(number // 4)
    path, line = f"/repo/src/{package}/{module}.py", 20 + s.rng.randrange(200)
    match number % 4:
        case 0:
            s.call(
                "Grep",
                {"pattern": function, "path": "/repo/src", "output_mode": "content"},
                f"{path}:{line}:def {function}(",
                "Let me look for it.",
            )
        case 1:
            s.call(
                "Read",
                {"file_path": path, "offset": line, "limit": 14},
                source(function, line),
                f"I'll read it, because {trouble}.",
            )
        case 2:
            old, new = f"step_{number % 5} = value.part", f"step_{number % 5} = (value or 0).part"
            shown = f"The file {path} has been updated. Here's the result:\n{source(function, line, 6)}"
            s.call("Edit", {"file_path": path, "old_string": old, "new_string": new}, shown, "Now the fix.")
        case _:
            passed = 3 + s.rng.randrange(40)
            shown = f"{'.' * passed}  [100%]\n{passed} passed in {s.rng.uniform(0.1, 4):.2f}s"
            s.call(
                "Bash",
                {"command": f"pytest -q tests/{package}", "description": f"Run {package} tests"},
                shown,
                "Check it.",
            )


def page(topic: str, fact: str, url: str) -> str:
    return (
        f"Address: https://{url}\nTitle: {topic}\nViewport position: Showing page 1 of 3.\n=======================\n"
        f"{topic}. According to the record, the answer given here is {fact}. The article continues with history, sources and "
        f"external links about {topic.lower()}, last edited in 2024. References: [1] {url} [2] archive.org."
    )


def results(query: str, topic: str, url: str) -> str:
    return (
        f"A Google search for '{query}' found 3 results:\n\n## Web Results\n1. [{topic}](https://{url})\nSource: {url.split('/', maxsplit=1)[0]}\n"
        f"2. [{topic} - facts](https://www.britannica.com/{abs(hash_of(topic)) % 9973})\n3. [Discussion of {topic}](https://www.reddit.com/r/{hash_of(url) % 997})"
    )


def hash_of(text: str) -> int:
    return sum(ord(letter) * (place + 7) for place, letter in enumerate(text))


def _web(s: Script, number: int) -> None:
    topic, fact, url = TOPICS[(number // 3) % len(TOPICS)]
    match number % 3:
        case 0:
            s.call("web_search", {"query": topic}, results(topic, topic, url), f"Thought: I search for {topic}.")
        case 1:
            s.call(
                "visit_page",
                {"url": f"https://{url}"},
                page(topic, fact, url),
                "Thought: the first hit looks right, I open it.",
            )
        case _:
            code = f"note_{number} = {fact!r}\nprint(len(note_{number}), note_{number})"
            s.call(
                "python_interpreter",
                {"code": code},
                f"Execution logs:\n{len(fact)} {fact}\nLast output from code snippet:\nNone",
                "Thought: keep the fact.",
            )


def reservation(s: Script, number: int) -> dict[str, Any]:
    start, goal = CITIES[number % 12], CITIES[(number * 5 + 1) % 12]
    return {
        "reservation_id": f"R{hash_of(s.trace_id) % 46656:04X}{number}",
        "user_id": NAMES[number % 6],
        "origin": start,
        "destination": goal,
        "flight_type": "one_way",
        "cabin": ("economy", "business")[number % 2],
        "flights": [
            {
                "flight_number": f"HAT{100 + number * 7 % 200:03d}",
                "date": f"2024-05-{10 + number % 18}",
                "price": 80 + number * 13 % 300,
            }
        ],
        "total_baggages": number % 3,
        "insurance": ("yes", "no")[number % 2],
    }


def user(number: int) -> dict[str, Any]:
    name = NAMES[number % 6]
    return {
        "user_id": name,
        "email": f"{name}{number}@example.com",
        "membership": ("gold", "silver", "regular")[number % 3],
        "payment_methods": {f"credit_card_{4000 + number}": {"brand": "visa"}},
    }


def _tau(s: Script, number: int) -> None:
    booked = reservation(s, number)
    match number % 4:
        case 0:
            s.call("get_user_details", {"user_id": f"{NAMES[number % 6]}"[:-1] + str(number)}, user(number))
        case 1:
            s.call("get_reservation_details", {"reservation_id": booked["reservation_id"]}, booked)
        case 2:
            found = [
                {"flight_number": f"HAT{n + number * 3:03d}", "available_seats": 4 + n, "price": 90 + n * 11 + number}
                for n in range(3)
            ]
            s.call(
                "search_direct_flight",
                {
                    "origin": booked["origin"],
                    "destination": booked["destination"],
                    "date": f"2024-05-{10 + number % 18}",
                },
                found,
            )
        case _:
            left, right = 80 + number * 3, 20 + number
            s.call("calculate", {"expression": f"{left} + {right}"}, f"{left + right}.0")


def _graph(s: Script, number: int) -> None:
    topic, fact, url = TOPICS[(number // 3) % len(TOPICS)]
    match number % 3:
        case 0:
            with s.chain("planner", {"state": f"round {number}"}) as node:
                node.output = s.say(f'{{"next": "researcher", "task": "find {topic}"}}').output
        case 1:
            with s.chain("researcher", {"task": topic}) as node:
                s.call(
                    "tavily_search",
                    {"query": topic},
                    {"results": [{"url": f"https://{url}", "content": f"{topic}: {fact}", "score": 0.9}]},
                )
                node.output = s.say(f"Found: {topic} is {fact} ({url}).").output
        case _:
            with s.chain("writer", {"notes": fact}) as node:
                node.output = s.say(
                    f"## {topic}\nThe sources agree on {fact}; see {url}. This closes section {number}."
                ).output


def passages(topic: str, fact: str) -> list[str]:
    return [
        f"{topic} ({part}): the documentation states {fact}. Chapter {hash_of(topic + part) % 40}."
        for part in ("overview", "details", "FAQ")
    ]


def _rag(s: Script, number: int) -> None:
    topic, fact, url = TOPICS[number % len(TOPICS)]
    turn = number // len(TOPICS)
    with s.chain("answer_question", {"question": f"What is known about {topic}? ({turn})"}) as node:
        retrieve(s, f"{topic} {turn or ''}".strip(), passages(topic, f"{fact} [{turn}]"))
        s.hear(f"Passages: {fact}\nQuestion: {topic}?")
        node.output = s.say(f"It is {fact} [{url}].").output


def retrieve(s: Script, query: str, documents: list[str]) -> Any:
    with s.chain("vector_store", query, "RETRIEVER") as node:
        s.wait(s.rng.uniform(0.05, 0.3))
    node.output = documents
    return node


def _data(s: Script, number: int) -> None:
    column, other = COLUMNS[number % 12], COLUMNS[(number * 5 + 3) % 12]
    match number % 3:
        case 0:
            code, shown = (
                f"df['{column}'].describe()  # cell {number}",
                f"count  {48210 - number}\nmean   {number * 3.7 + 11:.3f}\nstd    {number + 0.42:.2f}\nName: {column}",
            )
        case 1:
            code, shown = (
                f"df.groupby('{column}')['{other}'].mean().head({number + 3})",
                "\n".join(f"{column}_{n}  {n * 1.7 + number:.3f}" for n in range(5)),
            )
        case _:
            code, shown = (
                f"model.fit(df[['{column}', '{other}']], y); model.score(X_test, y_test)",
                f"{0.61 + number % 30 / 100:.4f}",
            )
    s.call("python", {"code": code}, shown, f"Next I look at {column}.")


def _team(s: Script, number: int) -> None:
    role, area = ROLES[number % 5], _area(number // 5)
    texts = (
        f"The product is a desktop game; milestone {number} covers {area[0]}.",
        f"We use Python with pygame; module {area[1]} owns {area[2]}.",
        f"{area[1]}.py\n```python\ndef {area[2]}(state):\n    return state.move({number})\n```",
        f"Review {number}: in {area[2]} the edge case '{area[3]}' is missing; please add a guard.",
        f"Test report {number}: {area[1]} passes {number + 4} cases, no traceback.",
    )
    with s.agent(role, f"Phase {number}: work on {area[0]}/{area[1]}"):
        s.say(texts[number % 5])


WORK: dict[str, Callable[[Script, int], None]] = {
    "swe": _swe,
    "code": _code,
    "web": _web,
    "tau": _tau,
    "graph": _graph,
    "rag": _rag,
    "data": _data,
    "team": _team,
}
