"""Runs that lose their way: loops, ping-pong, drift, sub-agents without end."""

from typing import Any

from tests.failures.blind.build import Node, Script
from tests.failures.blind.case import case
from tests.failures.blind.worlds import (
    CODE,
    DATA,
    GRAPH,
    RAG,
    SWE,
    TAU,
    TEAM,
    WEB,
    fill,
    page,
    passages,
    results,
    retrieve,
    source,
)

# -- retry_loop -------------------------------------------------------------------------------------------------------


@case("retry_loop", SWE, "steps", "The same failing test is run eight times without an edit in between.")
def rerun_unchanged(s: Script) -> Any:
    fill(s, 14)
    shown = "F\nE   AssertionError: expected 3 got 4\n1 failed in 0.{}1s"
    runs = [
        s.call("bash", {"command": "pytest -q tests/test_orders.py"}, shown.format(n), "Let me run the test again.")
        for n in range(8)
    ]
    fill(s, 3)
    s.end("I could not make the test pass.")
    return runs[2], runs


@case(
    "retry_loop",
    CODE,
    "genai",
    "Edit fails eight times with the same 'String to replace not found'; only white space of old_string varies.",
)
def edit_not_found(s: Script) -> Any:
    fill(s, 10)
    error = "String to replace not found in file.\nString: return total"
    tries = []
    for n in range(8):
        args = {
            "file_path": "/repo/src/orders/pricing.py",
            "old_string": " " * (4 + n % 3) + "return total",
            "new_string": "    return round(total, 2)",
        }
        tries.append(
            s.call(
                "Edit",
                args,
                f"<tool_use_error>{error}</tool_use_error>",
                "The edit did not apply, let me try again.",
                error=error,
            )
        )
    s.end("I was unable to edit the file.")
    return tries[2], tries


@case("retry_loop", WEB, "trail", "Eight rephrased searches bring the same page and nothing new.")
def rephrased_searches(s: Script) -> Any:
    fill(s, 6)
    url = "en.wikipedia.org/wiki/List_of_Survivor_winners"
    queries = (
        "US Survivor winners born in May",
        "Survivor US winners birthdays May",
        "which Survivor US winners were born in May",
        "May birthday winners of Survivor US",
        "Survivor winners US birth month May list",
        "winners of US Survivor born May",
        "list Survivor winners US May birthday",
        "US Survivor winner birthday May born",
    )
    calls = [
        s.call(
            "web_search",
            {"query": q},
            results("survivor winners may", "Survivor winners", url),
            "Thought: no date here. I search again.",
        )
        for q in queries
    ]
    s.end("I could not determine it.")
    return calls[3], calls


@case("retry_loop", TAU, "steps", "get_user_details with the same wrong id, over and over: 'Error: user not found'.")
def user_not_found(s: Script) -> Any:
    fill(s, 3)
    calls = [
        s.call(
            "get_user_details", {"user_id": "mei_patel_7272 " if n % 2 else "mei_patel_7272"}, "Error: user not found"
        )
        for n in range(7)
    ]
    s.end("I am sorry, I cannot find your account.")
    return calls[2], calls


@case(
    "retry_loop",
    GRAPH,
    "openinference",
    "Planner and executor repeat the same pair seven times: the plan is word for word the same, the search too.",
)
def planner_executor_pair(s: Script) -> Any:
    fill(s, 6)
    plans, calls = [], []
    for _ in range(7):
        with s.chain("planner", {"state": "open"}):
            plans.append(s.say('{"next": "researcher", "task": "find the 2023 headcount of Acme Tidal Power"}'))
        with s.chain("researcher", {"task": "headcount"}):
            calls.append(s.call("tavily_search", {"query": "Acme Tidal Power 2023 headcount"}, {"results": []}))
            s.say("No result for the headcount.")
    s.end("Recursion limit reached.")
    return calls[2], calls + plans


@case("retry_loop", DATA, "genai", "The model repeats its plan nine times and never acts on it.")
def plan_repeated(s: Script) -> Any:
    fill(s, 8)
    plan = "Plan: 1. load the returns table. 2. join it with sales. 3. fit the model. 4. write the report. Let me begin with step 1."
    said = []
    for _ in range(9):
        said.append(s.say(plan))
        s.hear("Continue.")
    s.end("Plan: 1. load the returns table.")
    return said[2], said


@case(
    "retry_loop",
    SWE,
    "genai",
    "cat of a file that does not exist, ten times with ./ and without, absolute and relative.",
)
def missing_file(s: Script) -> Any:
    fill(s, 9)
    ways = (
        "cat config/settings.yml",
        "cat ./config/settings.yml",
        "cat  config/settings.yml",
        "cat config/settings.yml ",
    )
    error = "cat: config/settings.yml: No such file or directory"
    calls = [
        s.call("bash", {"command": ways[n % 4]}, error, "I need the settings.", error="exit status 1")
        for n in range(10)
    ]
    s.end("The settings could not be read.")
    return calls[2], calls


@case(
    "retry_loop",
    WEB,
    "openinference",
    "visit_page answers the same Cloudflare page ten times; only a counter in the URL's fragment and the Ray ID change.",
)
def same_wall(s: Script) -> Any:
    fill(s, 8)
    calls = []
    for n in range(10):
        wall = f"Just a moment... Enable JavaScript and cookies to continue. Ray ID: 8f{n}c2a91bd{n}e7 2025-11-0{n % 9} 08:1{n % 9}:44"
        calls.append(
            s.call(
                "visit_page",
                {"url": f"https://www.researchgate.net/publication/23417#p{n}"},
                wall,
                "Thought: let me open it once more.",
            )
        )
    s.end("Unable to determine.")
    return calls[2], calls


@case(
    "retry_loop",
    RAG,
    "openinference",
    "The retriever gets the same question with a word turned round, six times, and returns the same three passages.",
)
def same_passages(s: Script) -> Any:
    fill(s, 6)
    found = passages("warranty period", "24 months for the pump")
    words = (
        "warranty period of the motor",
        "motor warranty period",
        "period of warranty motor",
        "the motor's warranty period",
        "motor warranty: period",
        "warranty motor period",
    )
    nodes = []
    for query in words:
        nodes.append(retrieve(s, query, found))
        s.say("The passages do not name the motor. I will retrieve again.")
    s.end("I don't know.")
    return nodes[2], nodes


# -- ping_pong --------------------------------------------------------------------------------------------------------


@case(
    "ping_pong",
    SWE,
    "steps",
    "An edit and its reversal alternate seven times; the file is the same again after every pair.",
)
def edit_and_revert(s: Script) -> Any:
    fill(s, 11)
    nodes = []
    for _ in range(7):
        nodes.append(
            s.call(
                "bash",
                {"command": "sed -i 's/timeout=5/timeout=30/' src/api/client.py && pytest -q"},
                "1 failed: test_fast",
            )
        )
        nodes.append(
            s.call(
                "bash",
                {"command": "sed -i 's/timeout=30/timeout=5/' src/api/client.py && pytest -q"},
                "1 failed: test_slow",
            )
        )
    s.end("Tests conflict.")
    return nodes[4], nodes


@case("ping_pong", TEAM, "genai", "Reviewer and programmer hand the same two sentences to and fro ten times.")
def review_pong(s: Script) -> Any:
    fill(s, 5)
    nodes: list[Node] = []
    for _ in range(10):
        with s.agent("Code Reviewer", "Review game.py") as one:
            s.say("Please handle the empty board in game.py. <CHANGE REQUESTED>")
        with s.agent("Programmer", "Apply the review to game.py") as two:
            s.say("I have handled the empty board as requested. Please review game.py.")
        nodes += [one, two, one.children[0], two.children[0]]
    s.close("Maximum number of rounds reached.")
    return nodes[12], nodes


@case(
    "ping_pong",
    GRAPH,
    "openinference",
    "Researcher transfers to writer and writer transfers back, eight times, nothing is written.",
)
def handoff_pong(s: Script) -> Any:
    fill(s, 6)
    nodes: list[Node] = []
    for _ in range(8):
        with s.chain("researcher", {"task": "conclusion"}) as one:
            nodes.append(
                s.call("transfer_to_writer", {"reason": "notes are complete"}, "Successfully transferred to writer")
            )
        with s.chain("writer", {"task": "conclusion"}) as two:
            nodes.append(
                s.call(
                    "transfer_to_researcher", {"reason": "notes are missing"}, "Successfully transferred to researcher"
                )
            )
        nodes += [one, two]
    s.close(error="GraphRecursionError: Recursion limit of 25 reached without hitting a stop condition.")
    return nodes[5], nodes


@case("ping_pong", WEB, "trail", "page_down and page_up alternate twelve times over the same two views.")
def page_up_down(s: Script) -> Any:
    fill(s, 6)
    s.call(
        "visit_page",
        {"url": "https://www.imdb.com/title/tt0111161"},
        page("Shawshank", "1994", "imdb.com/title/tt0111161"),
    )
    nodes = []
    for n in range(12):
        name, view = (
            ("page_down", "page 2 of 3: full cast and crew")
            if n % 2 == 0
            else ("page_up", "page 1 of 3: storyline and ratings")
        )
        nodes.append(s.call(name, {}, f"Viewport position: Showing {view}.", "Thought: maybe it is on the other page."))
    s.end("Unable to find it.")
    return nodes[5], nodes


@case("ping_pong", TAU, "steps", "update flights and change back: the booking swings between two flights, six times.")
def booking_swings(s: Script) -> Any:
    fill(s, 4)
    nodes = []
    for n in range(12):
        flight = ("HAT204", "HAT118")[n % 2]
        args = {"reservation_id": "4WQ150", "flights": [{"flight_number": flight, "date": "2024-05-22"}]}
        nodes.append(
            s.call(
                "update_reservation_flights", args, {"reservation_id": "4WQ150", "flight": flight, "status": "updated"}
            )
        )
    s.end("Your flight is HAT118.")
    return nodes[4], nodes


@case(
    "ping_pong", CODE, "genai", "Three calls go round: Read, Grep, Bash ls, same arguments, same answers, six rounds."
)
def three_cycle(s: Script) -> Any:
    fill(s, 10)
    nodes = []
    for _ in range(6):
        nodes.append(s.call("Read", {"file_path": "/repo/src/app.py"}, source("main", 1, 8), "Let me look at app.py."))
        nodes.append(
            s.call(
                "Grep", {"pattern": "main(", "path": "/repo/src"}, "/repo/src/app.py:1:def main(", "Where is it called?"
            )
        )
        nodes.append(s.call("Bash", {"command": "ls src"}, "app.py\norders\nbilling", "What else is there?"))
    s.end("I need more information.")
    return nodes[6], nodes


# -- goal_drift -------------------------------------------------------------------------------------------------------


@case(
    "goal_drift",
    CODE,
    "genai",
    "Asked for CSV quoting, the agent restyles the README and the CI badges for the last two thirds.",
    "Fix the CSV export: a field with a line break must be quoted (exporter/csv_writer.py). Add a regression test for it.",
)
def readme_instead(s: Script) -> Any:
    path = "/repo/exporter/csv_writer.py"
    s.call(
        "Read",
        {"file_path": path},
        "def quote_field(field): ...",
        "I look at the CSV writer and how a field is quoted.",
    )
    s.call("Grep", {"pattern": "quote_field", "path": "/repo/exporter"}, f"{path}:12", "Who quotes a CSV field?")
    s.call("Bash", {"command": "pytest -q exporter"}, "14 passed in 0.4s", "The export tests as they are.")
    first = s.call("Read", {"file_path": "/repo/README.md"}, "# Tool\nBadges", "The README's headline could be nicer.")
    for n in range(26):
        s.call(
            "Edit",
            {"file_path": "/repo/README.md", "old_string": f"badge-{n}", "new_string": f"shield-{n}"},
            f"The file /repo/README.md has been updated ({n}).",
            f"Now badge number {n}: a different colour and a logo.",
        )
    s.end("The README now has a modern look with shields in the brand's colours.")
    return first, s.root.children[8:]


@case(
    "goal_drift",
    WEB,
    "trail",
    "The question is about a 1977 baseball player's walks; after step 4 the agent plans a holiday in Kyoto from an advert it saw.",
    "How many at bats did the Yankee with the most walks in the 1977 regular season have that same season?",
)
def holiday(s: Script) -> Any:
    s.call(
        "web_search",
        {"query": "1977 Yankees most walks regular season"},
        "1. Roy White 75 walks\nAd: Kyoto from $499",
        "Thought: find the Yankee with most walks in 1977.",
    )
    s.call(
        "visit_page",
        {"url": "https://www.baseball-reference.com/teams/NYY/1977.shtml"},
        "1977 New York Yankees Statistics. Ad: see Kyoto in autumn.",
        "Thought: the batting table has at bats and walks.",
    )
    nodes = []
    for n, word in enumerate(
        (
            "temples",
            "ryokan prices",
            "maple leaves calendar",
            "rail pass",
            "tea houses",
            "night buses",
            "Arashiyama map",
            "Gion evening walk",
            "visa rules",
            "packing list",
            "travel insurance",
            "weather November",
        )
    ):
        nodes.append(
            s.call(
                "web_search",
                {"query": f"Kyoto {word}"},
                f"1. Kyoto {word} guide {n}: details for travellers.",
                f"Thought: for the trip I need {word}.",
            )
        )
    s.end("A six day itinerary for Kyoto: day 1 Gion, day 2 Arashiyama.")
    return nodes[0], nodes


@case(
    "goal_drift",
    SWE,
    "genai",
    "The issue is a time zone bug in the calendar feed; the agent spends 30 steps on upgrading the linter's configuration.",
    "Calendar feed shows events one hour late during daylight saving time. Fix the time zone handling in calendar/feed.py.",
)
def linter_instead(s: Script) -> Any:
    s.call(
        "bash",
        {"command": "sed -n 1,40p calendar/feed.py"},
        "def event_time(event): return event.start.replace(tzinfo=UTC)",
        "The calendar feed ignores daylight saving time zone.",
    )
    s.call("bash", {"command": "grep -n tz calendar/*.py"}, "calendar/feed.py:3: tzinfo=UTC")
    nodes = [
        s.call(
            "bash",
            {"command": f"ruff check --select E{n:03d} --fix ."},
            f"Fixed {n + 1} errors in {n + 2} files.",
            f"Next lint rule E{n:03d}.",
        )
        for n in range(30)
    ]
    s.end("The linter configuration is up to date and all rules pass.")
    return nodes[0], nodes


@case(
    "goal_drift",
    TEAM,
    "genai",
    "The team should build a chess clock; from phase 3 on it designs a company logo and slogans.",
    "Build a chess clock application: two timers, increment per move, pause button, unit tests.",
)
def logo(s: Script) -> Any:
    with s.agent("Chief Product Officer", "Chess clock: two timers with increment and pause."):
        s.say("A desktop chess clock: two timers, an increment per move, a pause button.")
    with s.agent("Programmer", "Write the chess clock timers."):
        s.say("timer.py\n```python\nclass ChessClock:\n    def pause(self): ...\n```")
    nodes = []
    for n in range(14):
        with s.agent("Chief Creative Officer", f"Slogan and logo, round {n}") as node:
            s.say(f"Logo draft {n}: a golden horse on blue. Slogan {n}: 'We move the world, number {n}'. Font: Futura.")
        nodes.append(node)
    s.end("The brand book with logo and slogans is ready.")
    return nodes[0], nodes + [child for node in nodes for child in node.children]


@case(
    "goal_drift",
    DATA,
    "genai",
    "Asked what drives churn, the analyst spends the run on the colours of a pie chart of weekdays.",
    "Explain what drives customer churn in churn.csv: fit a model, list the top five drivers with effect sizes.",
)
def colours(s: Script) -> Any:
    s.call(
        "python",
        {"code": "df = pd.read_csv('churn.csv'); df.churn.mean()"},
        "0.271",
        "The churn rate of customers first.",
    )
    nodes = [
        s.call(
            "python",
            {"code": f"plt.pie(weekday, colors=cmap({n})); plt.savefig('pie_{n}.png')"},
            f"<Figure {n}: 640x480>",
            f"Palette {n} looks a little dull, try a warmer one.",
        )
        for n in range(18)
    ]
    s.end("Here is the weekday pie chart in a pleasing palette.")
    return nodes[0], nodes


# -- runaway_sub_agents -----------------------------------------------------------------------------------------------


@case(
    "runaway_sub_agents",
    CODE,
    "genai",
    "Task is called 40 times, each for one tiny file, most of them started before the last was read.",
)
def forty_tasks(s: Script) -> Any:
    fill(s, 6)
    nodes = []
    for n in range(40):
        call_id = f"toolu_{n:04d}"
        s.say(
            "I'll delegate this file too.",
            calls=[
                (
                    call_id,
                    "Task",
                    {
                        "description": f"Check file {n}",
                        "subagent_type": "general-purpose",
                        "prompt": f"Check src/file_{n}.py",
                    },
                )
            ],
        )
        with (
            s.chain("Task", {"description": f"Check file {n}"}, "TOOL") as node,
            s.agent("general-purpose", f"Check src/file_{n}.py"),
        ):
            s.call("Read", {"file_path": f"/repo/src/file_{n}.py"}, f"x_{n} = {n}")
            node.output = s.say(f"src/file_{n}.py is fine.").output
        nodes += [node, *node.children]
    s.end("All files were checked.")
    return nodes[20], nodes


@case(
    "runaway_sub_agents",
    WEB,
    "trail",
    "The search agent calls itself: eleven levels deep, each rephrases the task for the next.",
)
def too_deep(s: Script) -> Any:
    fill(s, 3)
    nodes: list[Node] = []

    def deeper(level: int) -> None:
        with s.step(), s.agent("search_agent", f"Find the paper's authors (attempt at level {level})") as node:
            nodes.append(node)
            s.call("web_search", {"query": f"paper authors level {level}"}, f"Nothing for level {level}.")
            if level < 11:
                s.say(
                    "I delegate this to another search agent.",
                    calls=[(f"c{level}", "search_agent", {"task": "find the authors"})],
                )
                deeper(level + 1)
            s.say("My helper found nothing.")

    deeper(1)
    s.end("No authors found.")
    return nodes[6], nodes


@case(
    "runaway_sub_agents",
    SWE,
    "genai",
    "The agent starts 30 agents of its own in the shell with `claude -p`, in a loop without an end.",
)
def shell_agents(s: Script) -> Any:
    fill(s, 8)
    nodes = [
        s.call(
            "bash",
            {"command": f'claude -p "Fix the lint warnings of module {n}" --dangerously-skip-permissions'},
            f"Started working on module {n}. Session {n}f3a. I will spawn helpers as needed.",
            "Another helper.",
            seconds=14.0,
        )
        for n in range(30)
    ]
    s.end("Helpers are at work.")
    return nodes[12], nodes


@case("runaway_sub_agents", TEAM, "genai", "Each manager hires two more managers: 63 agents for one manual page.")
def managers(s: Script) -> Any:
    fill(s, 3)
    nodes: list[Node] = []

    def hire(level: int, name: str) -> None:
        with s.agent("Manager", f"Coordinate the manual, part {name}") as node:
            nodes.append(node)
            s.say(f"I split part {name} in two and hire two managers.")
            if level < 5:
                hire(level + 1, name + ".1")
                hire(level + 1, name + ".2")

    hire(0, "1")
    s.end("The manual is in progress.")
    return nodes[30], nodes


@case(
    "runaway_sub_agents",
    GRAPH,
    "openinference",
    "The supervisor fans out 36 copies of the researcher for a question with three parts.",
)
def fan_out(s: Script) -> Any:
    fill(s, 3)
    nodes = []
    for n in range(36):
        with s.agent("researcher", f"Look into the question from angle {n}") as node:
            s.call(
                "tavily_search",
                {"query": f"angle {n} of tidal power"},
                {"results": [{"url": f"https://a{n}.org", "content": f"angle {n}"}]},
            )
            s.say(f"Angle {n} brings nothing of note.")
        nodes.append(node)
    s.end("36 angles were researched.")
    return nodes[12], nodes


@case(
    "runaway_sub_agents",
    CODE,
    "openinference",
    "Sub-agents that start sub-agents that start sub-agents; the three lowest levels cost more than the rest of the run.",
)
def costly_tree(s: Script) -> Any:
    fill(s, 8)
    nodes: list[Node] = []

    def task(level: int) -> None:
        with (
            s.chain("Task", {"description": f"Explore level {level}"}, "TOOL"),
            s.agent("Explore", f"Explore the repository, level {level}") as node,
        ):
            nodes.append(node)
            for n in range(2):
                s.say(f"Exploring more broadly at level {level}, branch {n}.", add_tokens=60_000, out=900)
                if level < 6 and (n == 0 or level % 2):
                    task(level + 1)

    task(1)
    s.end("Exploration done.")
    return nodes[4], nodes
