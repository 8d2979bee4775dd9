"""What the output of a failed command shows about its cause: tables of patterns, tried in their order.

Each was read from the programs themselves. Patterns look at one line, and a line is cut before it is looked at.
"""

import re

NOT_FOUND = re.compile(
    r"ENOENT|no such file|no such module|not found|cannot find|can't find|could not (?:find|open|read|load)|cannot (?:open|read|load)"
    r"|can't open|unable to (?:find|open|read|load)|failed to (?:open|read|load)|does not exist|doesn't exist|FileNotFound"
    r"|No module named|ImportError",
    re.IGNORECASE,
)
NOT_SET = re.compile(
    r"KeyError|no such file|ENOENT|not set|is required|are required|undefined|missing|must be set|not defined|not found|is not present|field required",
    re.IGNORECASE,
)

REFUSED = re.compile(
    r"ECONNREFUSED|connection refused|could not connect to server|can't connect to (?:local )?(?:mysql|mariadb)"
    r"|connection to \S+ refused|actively refused|ServerSelectionTimeoutError|NoBrokersAvailable",
    re.IGNORECASE,
)
PORTS = (
    re.compile(r"(?:127\.0\.0\.1|localhost|\[?::1\]?|0\.0\.0\.0)(?::|[\"'], ?)(\d{2,5})\b"),
    re.compile(r"\bport[\"']?[:= ]{1,3}(\d{2,5})\b", re.IGNORECASE),
)
HOST = re.compile(
    r"(?:EAI_AGAIN|ENOTFOUND|lookup|host:?|UnknownHostException:|resolve)\s+[\"']?([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)|"
    r"\s([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+): Unknown host",
    re.IGNORECASE,
)
BARE_HOST = re.compile(  # a name without a dot
    r"(?:could not translate host name \"|(?:EAI_AGAIN|ENOTFOUND) |UnknownHostException: |(?:dial tcp: )lookup "
    r"|Unknown MySQL server host ')([A-Za-z][A-Za-z0-9_-]*)(?=$|[\"':, ])(?!\.)"
)
NO_NETWORK = re.compile(
    r"\b(?:EAI_AGAIN|ENOTFOUND|ENETUNREACH|ENETDOWN)\b|temporary failure in name resolution|name or service not known"
    r"|could not resolve|couldn't resolve|getaddrinfo|network is unreachable|no such host|dial tcp|unknownhost|unknown host"
    r"|nodename nor servname|failed to resolve|dns error|failed to lookup address|NewConnectionError|\(from versions: none\)"
    r"|could not fetch URL|ERR_SOCKET_TIMEOUT|curl error 6|unable to load the service index|could not transfer artifact"
    r"|could not reach host|error sending request for url|could not translate host name",
    re.IGNORECASE,
)


TOOLS = (
    re.compile(
        r"^(?:/\S*/)?(?:ba|da|z|k)?sh: (?:line )?(?:\d+: )?([^\s:]+): (?:(?:command )?not found|No such file or directory)"
    ),
    re.compile(r"env: ['\u2018\"]?([\w.+-]+)['\u2019\"]?: No such file or directory"),
    re.compile(r"^(?:g?make)(?:\[\d+\])?: ([\w.+/-]+): (?:No such file or directory|Command not found)"),
    re.compile(r"exec: \"([\w.+-]+)\": executable file not found"),
    re.compile(r"error: no such (?:command|subcommand): [`']([\w-]+)"),
    re.compile(r"^([\w.+-]+): command not found"),
)
DEPENDENCIES = (
    re.compile(r"No module named ['\"]?([\w.]+)"),
    re.compile(r"Cannot find (?:module|package) ['\"]([^'\"./][^'\"]*)"),
    re.compile(r"Cannot find module ['\"][^'\"]*/(node_modules/[^'\"]+)"),
    re.compile(r"error TS2307: Cannot find module ['\"]([^'\"./][^'\"]*)"),
    re.compile(r"no required module provides package ([\w./-]+)"),
    re.compile(r"missing go\.sum entry for module providing package ([\w./-]+)"),
    re.compile(r"cannot load such file -- ([\w/-]+)"),
    re.compile(r"Could not find (?:gem )?'?([\w-]+)[\w .',()=<>~-]* in (?:any of the|locally)"),
    re.compile(r"(vendor/autoload\.php)"),
    re.compile(r"(NETSDK1004)"),
    re.compile(r"error: unrecognized arguments: (--?\w[\w-]*)"),
    re.compile(r"npx canceled due to missing packages.*?\[?\"?([\w@/.-]+)?"),
)
INSTALLED_PATH = re.compile(r"(?:^|/)(?:\.venv|venv|node_modules|vendor|target)/")
OF_NODE = re.compile(r"^(?:npm|npx|pnpm|yarn|bun)\b")

SOME_PASSED = (
    re.compile(r"\b([1-9]\d*) (?:passed|passing)\b"),
    re.compile(r"^[#\u2139] pass ([1-9]\d*)", re.MULTILINE),
    re.compile(r"^(ok)\s+\S+\s+(?:[\d.]+s|\(cached\))", re.MULTILINE),
)
OF_UNITTEST = re.compile(r"^Ran (\d+) tests? in.*?^FAILED \(([^)]*)\)", re.MULTILINE | re.DOTALL)
OF_RSPEC = re.compile(r"^(\d+) examples?, (\d+) failures?", re.MULTILINE)
NO_TEST = re.compile(
    r"no tests ran|No test files? found|no tests found|collected 0 items|Ran 0 tests|NO TESTS RAN", re.IGNORECASE
)
