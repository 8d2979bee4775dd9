"""Runs whose tools fail: another shape, an error that looks like a success, a failure that pulls others after it."""

from typing import Any

from tests.failures.blind.build import Script
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
    passages,
    reservation,
    user,
)

LOGIN = "<!doctype html><html lang=en><head><title>Sign in</title></head><body><form action=/login method=post><input name=user></form></body></html>"

# -- tool_schema ------------------------------------------------------------------------------------------------------


@case(
    "tool_schema", TAU, "steps", "get_reservation_details returned JSON nine times and now an HTML page of the proxy."
)
def html_instead(s: Script) -> Any:
    for n in range(9):
        s.call("get_reservation_details", {"reservation_id": f"AB{n}XYZ"}, reservation(s, n))
    node = s.call("get_reservation_details", {"reservation_id": "ZFA04Y"}, LOGIN)
    s.end("Your reservation is in order.")
    return node, []


@case(
    "tool_schema",
    TAU,
    "openinference",
    "price turns from a number into a text with a currency, and flights from a list into an object.",
)
def types_change(s: Script) -> Any:
    for n in range(8):
        s.call("get_reservation_details", {"reservation_id": f"QR{n}XYZ"}, reservation(s, n))
    odd = reservation(s, 9)
    odd["flights"] = {"HAT163": {"date": "2024-05-19", "price": "USD 212"}}
    odd["total_baggages"] = "two"
    node = s.call("get_reservation_details", {"reservation_id": "QR9XYZ"}, odd)
    fill(s, 2)
    s.end("The total is 212.")
    return node, []


@case(
    "tool_schema",
    GRAPH,
    "openinference",
    "tavily_search used to return results[].content; after the API's new version the key is items[].snippet and the researcher reads nothing.",
)
def keys_renamed(s: Script) -> Any:
    for n in range(7):
        with s.chain("researcher", {"task": f"t{n}"}):
            s.call(
                "tavily_search",
                {"query": f"tidal power fact {n}"},
                {"query": f"q{n}", "results": [{"url": f"https://t{n}.org", "content": f"fact {n}", "score": 0.8}]},
            )
            s.say(f"Fact {n} noted.")
    nodes = []
    for n in range(3):
        with s.chain("researcher", {"task": f"u{n}"}):
            nodes.append(
                s.call(
                    "tavily_search",
                    {"query": f"wave power fact {n}"},
                    {"items": [{"link": f"https://w{n}.org", "snippet": f"fact {n}"}], "version": 2},
                )
            )
            s.say("No results were returned.")
    s.end("Little is known of wave power.")
    return nodes[0], nodes


@case(
    "tool_schema",
    DATA,
    "genai",
    "query_db returned rows as a list of objects; now it returns one CSV text, and the next cell fails on it.",
)
def csv_text(s: Script) -> Any:
    for n in range(7):
        s.call(
            "query_db",
            {"sql": f"select sku, price from sales where month = {n + 1}"},
            [{"sku": f"A{n}{k}", "price": 10.5 + k} for k in range(3)],
        )
    node = s.call("query_db", {"sql": "select sku, price from sales where month = 8"}, "sku,price\nA80,10.5\nA81,11.5")
    after = s.call(
        "python",
        {"code": "pd.DataFrame(rows)['price'].mean()"},
        "ValueError: DataFrame constructor not properly called!",
        error="ValueError: DataFrame constructor not properly called!",
    )
    s.end("The mean price of August is unknown.")
    return node, [after]


@case(
    "tool_schema",
    RAG,
    "openinference",
    "The search tool returns null in place of a list of passages from the sixth call on.",
)
def null_list(s: Script) -> Any:
    for n in range(6):
        s.call(
            "search_documents", {"query": f"clause {n}"}, {"passages": passages(f"clause {n}", f"text {n}"), "total": 3}
        )
    nodes = [s.call("search_documents", {"query": f"clause {n}"}, {"passages": None, "total": None}) for n in (6, 7)]
    s.end("The contract has no such clause.")
    return nodes[0], nodes


@case(
    "tool_schema",
    TAU,
    "genai",
    "The required key user_id disappears and the envelope {data: ...} appears round the answer.",
)
def envelope(s: Script) -> Any:
    for n in range(8):
        s.call("get_user_details", {"user_id": f"u_{n}"}, user(n))
    node = s.call("get_user_details", {"user_id": "u_8"}, {"data": {"attributes": user(8)}, "meta": {"api": "v2"}})
    fill(s, 2)
    s.end("You have no payment method.")
    return node, []


# -- error_as_success -------------------------------------------------------------------------------------------------


@case(
    "error_as_success",
    TAU,
    "steps",
    "cancel_reservation: {'status': 'ok', 'error': 'reservation is locked'}; recorded as a success, the agent goes on.",
)
def ok_with_error(s: Script) -> Any:
    fill(s, 8)
    node = s.call(
        "cancel_reservation",
        {"reservation_id": "K1NW8N"},
        {"status": "ok", "error": "reservation is locked by another process", "reservation_id": None},
    )
    s.end("Your reservation is cancelled, a refund follows.")
    return node, []


@case(
    "error_as_success",
    WEB,
    "trail",
    "visit_page: 'Error: 403 Client Error: Forbidden' as the page's text with status Ok; the agent answers from memory.",
)
def forbidden_page(s: Script) -> Any:
    fill(s, 8)
    node = s.call(
        "visit_page",
        {"url": "https://www.jstor.org/stable/2287"},
        "Error fetching the webpage: 403 Client Error: Forbidden for url: https://www.jstor.org/stable/2287",
        "Thought: open the paper.",
    )
    s.end("1912")
    return node, []


@case(
    "error_as_success",
    SWE,
    "genai",
    "A command with `|| true` hides a traceback: exit 0, and the agent takes the migration as applied.",
)
def or_true(s: Script) -> Any:
    fill(s, 11)
    shown = 'Traceback (most recent call last):\n  File "manage.py", line 22, in <module>\n    main()\ndjango.db.utils.OperationalError: no such table: orders_order'
    node = s.call("bash", {"command": "python manage.py migrate || true"}, shown, "Apply the migrations.")
    fill(s, 6)
    s.end("The migration is applied.")
    return node, []


@case(
    "error_as_success",
    DATA,
    "genai",
    "The loader swallows the failure: 'WARNING could not open sales_2023.csv, using empty frame', later figures are zero.",
)
def empty_frame(s: Script) -> Any:
    fill(s, 6)
    node = s.call(
        "python",
        {"code": "df23 = load('sales_2023.csv'); print(len(df23))"},
        "ERROR:loader:FileNotFoundError: [Errno 2] No such file or directory: 'sales_2023.csv'\n0",
        "Load 2023.",
    )
    s.call("python", {"code": "df23.returned.mean()"}, "nan", "Rate of returns in 2023.")
    s.end("No goods were returned in 2023.")
    return node, []


@case(
    "error_as_success",
    GRAPH,
    "openinference",
    "The search tool's answer is {'detail': 'Unauthorized: invalid API key'} with status OK; the researcher writes 'no sources exist'.",
)
def unauthorized(s: Script) -> Any:
    fill(s, 8)
    with s.chain("researcher", {"task": "sources"}):
        node = s.call(
            "tavily_search",
            {"query": "tidal power subsidies"},
            {"detail": {"error": "Unauthorized: missing or invalid API key."}},
        )
        s.say("No sources exist on subsidies.")
    fill(s, 1)
    s.end("There are no subsidies for tidal power.")
    return node, []


@case(
    "error_as_success",
    CODE,
    "openinference",
    "Bash prints 'npm ERR! code ELIFECYCLE' under a successful status; the agent reports a successful build.",
)
def npm_error(s: Script) -> Any:
    fill(s, 12)
    node = s.call(
        "Bash",
        {"command": "npm run build 2>&1 | tail -5"},
        "npm ERR! code ELIFECYCLE\nnpm ERR! errno 2\nnpm ERR! web@1.4.0 build: `tsc -b`\nnpm ERR! Exit status 2",
        "Build the front end.",
    )
    fill(s, 4)
    s.end("The build works.")
    return node, []


@case(
    "error_as_success",
    TEAM,
    "genai",
    "HTTP 200 with {'success': false, 'message': 'quota exceeded'}: the image tool made no picture, the manual shows it.",
)
def not_a_success(s: Script) -> Any:
    fill(s, 7)
    with s.agent("Art Designer", "Make the title picture"):
        node = s.call(
            "create_image",
            {"prompt": "title picture"},
            {"success": False, "message": "quota exceeded for project 118", "url": ""},
        )
        s.say("The title picture is title.png.")
    fill(s, 3)
    s.end("The manual with pictures is ready.")
    return node, []


# -- failure_cascade --------------------------------------------------------------------------------------------------


@case(
    "failure_cascade",
    DATA,
    "genai",
    "The first cell fails to load the file; the next seven fail with NameError because of it.",
)
def name_errors(s: Script) -> Any:
    fill(s, 5)
    first = s.call(
        "python",
        {"code": "sales = pd.read_parquet('/data/sales.parquet')"},
        "",
        "Load the sales.",
        error="FileNotFoundError: [Errno 2] No such file or directory: '/data/sales.parquet'",
    )
    later = [
        s.call(
            "python", {"code": f"sales.{what}"}, "", f"Look at {what}.", error="NameError: name 'sales' is not defined"
        )
        for what in ("head()", "shape", "dtypes", "isna().sum()", "price.mean()", "region.unique()", "describe()")
    ]
    s.end("The data could not be analysed.")
    return first, later


@case(
    "failure_cascade",
    SWE,
    "steps",
    "A wrong sed breaks the module's syntax; the six commands after it fail in six different ways for this one reason.",
)
def broken_syntax(s: Script) -> Any:
    fill(s, 11)
    first = s.call(
        "bash",
        {"command": "sed -i '12s/):/)/' src/orders/pricing.py && python -c 'import orders.pricing'"},
        "  File \"src/orders/pricing.py\", line 12\n    def apply_discount(total)\nSyntaxError: expected ':'",
        "Change the signature.",
        error="exit status 1",
    )
    commands = (
        ("pytest -q tests/orders", "ERROR collecting tests/orders\nSyntaxError: expected ':' (pricing.py, line 12)"),
        ("python -m orders.report", "ImportError: cannot import name 'apply_discount' from 'orders.pricing'"),
        ("mypy src/orders", "src/orders/pricing.py:12: error: invalid syntax [syntax]"),
        ("python manage.py check", "SyntaxError: expected ':' (pricing.py, line 12)"),
        ("make docs", "make: *** [docs] Error 1"),
        ("python -m build", "ERROR Backend subprocess exited when trying to invoke build_wheel"),
    )
    later = [s.call("bash", {"command": c}, shown, "Next.", error="exit status 1") for c, shown in commands]
    s.end("The environment seems broken.")
    return first, later


@case(
    "failure_cascade",
    WEB,
    "trail",
    "The first download fails without notice; inspect, unzip, parse and plot of that file all fail after it.",
)
def no_download(s: Script) -> Any:
    fill(s, 6)
    first = s.call(
        "download_file",
        {"url": "https://files.example.org/a.xlsx"},
        "",
        "Thought: fetch the table.",
        error="HTTPError: 404 Client Error: Not Found for url: https://files.example.org/a.xlsx",
    )
    later = [
        s.call(
            "inspect_file_as_text", {"file_path": "downloads/a.xlsx"}, "", error="FileNotFoundError: downloads/a.xlsx"
        ),
        s.call(
            "python_interpreter",
            {"code": "pd.read_excel('downloads/a.xlsx')"},
            "",
            error="InterpreterError: No such file: downloads/a.xlsx",
        ),
        s.call(
            "python_interpreter",
            {"code": "table.sum()"},
            "",
            error="InterpreterError: The variable `table` is not defined.",
        ),
        s.call(
            "python_interpreter",
            {"code": "total = table.total"},
            "",
            error="InterpreterError: The variable `table` is not defined.",
        ),
        s.call("visualizer", {"image_path": "plot.png"}, "", error="FileNotFoundError: plot.png"),
    ]
    s.end("Unable to determine.")
    return first, later


@case(
    "failure_cascade",
    TAU,
    "steps",
    "The wrong user id from the first failed look-up is used for five more tools; all of them fail.",
)
def wrong_id(s: Script) -> Any:
    fill(s, 3)
    first = s.call(
        "find_user_id_by_email", {"email": "ana.k@example.com"}, "Error: user not found", error="user not found"
    )
    later = [
        s.call("get_user_details", {"user_id": "ana_k_0000"}, "Error: user not found", error="user not found"),
        s.call(
            "get_reservation_details",
            {"reservation_id": "ana_k_0000"},
            "Error: reservation not found",
            error="reservation not found",
        ),
        s.call(
            "update_reservation_baggages",
            {"user_id": "ana_k_0000", "total_baggages": 2},
            "Error: user not found",
            error="user not found",
        ),
        s.call(
            "send_certificate",
            {"user_id": "ana_k_0000", "amount": 100},
            "Error: user not found",
            error="user not found",
        ),
        s.call(
            "cancel_reservation",
            {"reservation_id": "ana_k_0000"},
            "Error: reservation not found",
            error="reservation not found",
        ),
    ]
    s.end("I am sorry, nothing worked.")
    return first, later


@case(
    "failure_cascade",
    GRAPH,
    "openinference",
    "The index was never built; retrieval, re-ranking, citation and writer nodes fail one after the other.",
)
def no_index(s: Script) -> Any:
    fill(s, 6)
    with s.chain("indexer", {"files": 12}):
        first = s.call(
            "build_index",
            {"path": "corpus/"},
            "",
            error="ConnectionError: qdrant at localhost:6333 refused the connection",
        )
        s.say("I continue with retrieval.")
    later = []
    for name, error in (
        ("retrieve", "IndexNotFound: collection corpus does not exist"),
        ("rerank", "ValueError: empty candidate list"),
        ("cite", "KeyError: 'source'"),
        ("assemble", "ValueError: no citations to assemble"),
    ):
        with s.chain(name, {"from": "corpus"}):
            later.append(s.call(name, {"collection": "corpus"}, "", error=error))
            s.say("I move on.")
    s.end("The briefing has no sources.")
    return first, later


@case(
    "failure_cascade",
    CODE,
    "genai",
    "npm install dies on a registry error; build, lint, test and start all fail with 'command not found' afterwards.",
)
def no_modules(s: Script) -> Any:
    fill(s, 9)
    first = s.call(
        "Bash",
        {"command": "npm ci"},
        "npm ERR! code ENOTFOUND registry",
        error="Exit code 1\nnpm ERR! network getaddrinfo ENOTFOUND",
    )
    later = [
        s.call("Bash", {"command": f"npm run {c}"}, f"sh: 1: {t}: not found", error="Exit code 127")
        for c, t in (
            ("build", "tsc"),
            ("lint", "eslint"),
            ("test", "vitest"),
            ("start", "vite"),
            ("format", "prettier"),
        )
    ]
    s.end("The tools are not available.")
    return first, later
