"""Settings from bytes: layers, provenance, trust, and every message word for word."""

import hashlib
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.durations import duration_text, parse_duration_s
from ralph.errors import ExitCode, RalphError
from ralph.home import Home
from ralph.settings import Effort, Layer, Loaded, SettingsError, SettingsFile, load_settings, parse_set_option, resolve
from ralph.settings.changes import changes
from ralph.settings.loosening import ATTRIBUTES
from ralph.settings.places import find_lines, parse
from ralph.trust import TrustState, Verdict, forget_file, trust_file, verdict

USD = "Write a number of US dollars from 0.000001 to 1000000 (never 0, negative, inf or nan), for example per_run_usd = 5.00."
CHECK = '[[checks]]\nname = "tests"\ncommand = "true"\n'
SERVICE = '[[services]]\nname = "database"\nup = "true"\n'
TOOLS = 'Write a list of names with "finish" among them, for example tools = ["bash", "read", "edit", "finish"].'
NOT_MORE = "and a repo may only tighten it. To allow it: run `ralph trust` in this repo, or write"


def a_file(text: str, name: str = "ralph.toml") -> SettingsFile:
    return SettingsFile(Path(name), text.encode(), name)


def loaded(repo: str = "", user: str = "", **overrides: object) -> Loaded:
    return resolve(
        a_file(repo), a_file(user, "config.toml"), {name.replace("__", "."): value for name, value in overrides.items()}
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "max_iteration = 3",
            'ralph.toml:1: unknown setting "max_iteration". Did you mean "run.max_iterations"?',
            id="nearest-elsewhere",
        ),
        pytest.param(
            "\n[run]\nmax_iteration = 3",
            'ralph.toml:3: unknown setting "max_iteration". Did you mean "max_iterations"?',
            id="nearest-here",
        ),
        pytest.param(
            "[run]\nzzz = 1",
            'ralph.toml:2: unknown setting "zzz". Delete it; docs/settings.md lists every setting.',
            id="nothing-near",
        ),
        pytest.param("[limit]\n", 'ralph.toml:1: unknown setting "limit". Did you mean "limits"?', id="wrong-table"),
        pytest.param(
            CHECK + "time_out = 3",
            'ralph.toml:4: unknown setting "time_out". Did you mean "timeout_s"?',
            id="in-a-check",
        ),
        pytest.param(
            '[setup]\ncomand = "x"',
            'ralph.toml:1: setup has no "command". Add one, for example command = "python -m pytest -q".\n'
            'ralph.toml:2: unknown setting "comand". Did you mean "command"?',
            id="two-problems-in-the-order-of-lines",
        ),
        pytest.param(
            CHECK + '[[checks]]\nname = "lint"',
            'ralph.toml:4: checks[2] has no "command". Add one, for example command = "python -m pytest -q".',
            id="missing",
        ),
        pytest.param(
            CHECK * 2,
            'ralph.toml:1: two checks are named "tests". Give each check a name of its own.',
            id="same-name",
        ),
        pytest.param(
            CHECK + "timeout_s = -1",
            "ralph.toml:4: checks[1].timeout_s cannot be -1. Write a number above 0, for example timeout_s = 600.",
            id="timeout",
        ),
        pytest.param(
            CHECK + 'cwd = "../other"',
            'ralph.toml:4: "../other" leaves the repo. Write a folder relative to its root, for example "backend".',
            id="cwd",
        ),
        pytest.param(
            "limits = 3",
            "ralph.toml:1: limits is 3, which is not a table. Write [limits] and its settings below it.",
            id="table",
        ),
        pytest.param(
            "[agent]\nturns = true",
            "ralph.toml:2: agent.turns cannot be true. Write a whole number from 1 to 1000, for example turns = 150.",
            id="bool-is-no-number",
        ),
        pytest.param(
            '[agent]\neffort_first = "huge"',
            'ralph.toml:2: agent.effort_first cannot be "huge". Write one of "low", "medium", "high", "xhigh", "max", '
            'for example effort_first = "medium".',
            id="effort",
        ),
        pytest.param(
            '[agent]\ntools = ["bash"]',
            f'ralph.toml:2: agent.tools cannot be ["bash"]. {TOOLS}',
            id="finish-is-missing",
        ),
        pytest.param(
            '[agent]\ntools = [\n  "finish",\n  "sed",\n]',
            f'ralph.toml:2: agent.tools cannot be "sed". {TOOLS}',
            id="tool",
        ),
        pytest.param(
            '[run]\nmax_duration = "soon"',
            'ralph.toml:2: run.max_duration cannot be "soon". Write a length of time such as 2h, 90m or 1h30m, '
            'for example max_duration = "2h".',
            id="duration",
        ),
        pytest.param(
            '[run]\nbase = "--upload-pack=x"',
            'ralph.toml:2: run.base cannot be "--upload-pack=x". Write a commit or branch, for example base = "main".',
            id="base-is-no-option",
        ),
        pytest.param(
            'copy = [".env", "../secrets"]',
            'ralph.toml:1: copy cannot be "../secrets". Write a list of files or globs below the root, '
            'for example copy = [".env", "config/*.local.json"].',
            id="copy-leaves-the-repo",
        ),
        pytest.param(
            'copy = ".env"',
            'ralph.toml:1: copy cannot be ".env". Write a list of files or globs below the root, '
            'for example copy = [".env", "config/*.local.json"].',
            id="copy-is-a-list",
        ),
        pytest.param(
            SERVICE * 2,
            'ralph.toml:1: two services are named "database". Give each service a name of its own.',
            id="same-service",
        ),
        pytest.param(
            '[[services]]\nname = "database"\n[[services]]\nup = "true"',
            'ralph.toml:1: services[1] has no "up". Add one, for example up = "docker compose up --wait".\n'
            'ralph.toml:3: services[2] has no "name". Add one, for example name = "database".',
            id="service-without-up-or-name",
        ),
        pytest.param(
            SERVICE + "timeout_s = 0",
            "ralph.toml:4: services[1].timeout_s cannot be 0. Write a number above 0, for example timeout_s = 120.",
            id="service-timeout",
        ),
        pytest.param(
            SERVICE + "start = 'x'",
            'ralph.toml:4: unknown setting "start". Delete it; docs/settings.md lists every setting.',
            id="unknown-in-a-service",
        ),
        pytest.param(
            "[run]\njobs = 17",
            "ralph.toml:2: run.jobs cannot be 17. Write a whole number from 1 to 16, for example jobs = 3.",
            id="jobs",
        ),
        pytest.param(
            'provider = "azure"',
            'ralph.toml:1: provider cannot be "azure". Write one of "anthropic", "bedrock", "vertex", '
            'for example provider = "bedrock".',
            id="provider",
        ),
        pytest.param(
            '[agent]\nmodel_retry = ""',
            'ralph.toml:2: agent.model_retry cannot be "". Write the name of a model, '
            'for example model_retry = "claude-opus-5-5".',
            id="model-of-retries",
        ),
        pytest.param(
            '[judge]\neffort = "huge"',
            'ralph.toml:2: judge.effort cannot be "huge". Write one of "low", "medium", "high", "xhigh", "max", '
            'for example effort = "medium".',
            id="effort-of-the-judge",
        ),
        pytest.param(
            'base_url = "ftp://x"',
            'ralph.toml:1: base_url cannot be "ftp://x". Write an address that starts with http:// or https://, '
            'for example base_url = "https://models.example.com".',
            id="base-url",
        ),
        pytest.param(
            "[prices.some-model]\ninput = -1\noutput = 2",
            "ralph.toml:2: prices.some-model.input cannot be -1. Write a number of US dollars per million tokens, 0 or more, "
            "for example input = 4.0.",
            id="price",
        ),
        pytest.param(
            "a = = 1", "ralph.toml:1:5: Invalid value. Correct it; the file is TOML (https://toml.io).", id="not-toml"
        ),
        *[
            pytest.param(
                f"[limits]\nper_run_usd = {value}",
                f"ralph.toml:2: limits.per_run_usd cannot be {value}. {USD}",
                id=f"limit-{value}",
            )
            for value in ("0", "-1", "inf", "-inf", "nan", '"5"', "true", "0.0", "1000001")
        ],
    ],
)
def test_a_wrong_file_is_refused_word_for_word(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(text)
    assert str(caught.value) == message
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "[limits]\nper_run_usd = 20",
            f"ralph.toml:2: limits.per_run_usd = 20 is looser than the 5.0 that you allow, {NOT_MORE} "
            "`[limits] per_run_usd = 20` into config.toml, or give --max-cost 20.",
            id="cost",
        ),
        pytest.param(
            "[agent]\nturns = 151",
            f"ralph.toml:2: agent.turns = 151 is looser than the 150 that you allow, {NOT_MORE} "
            "`[agent] turns = 151` into config.toml, or give --set agent.turns=151.",
            id="turns",
        ),
        pytest.param(
            'sandbox = "none"',
            f'ralph.toml:1: sandbox = "none" is looser than the "auto" that you allow, {NOT_MORE} '
            '`sandbox = "none"` into config.toml, or give --sandbox none.',
            id="sandbox",
        ),
        pytest.param(
            "[run]\nallow_unchecked = true",
            f"ralph.toml:2: run.allow_unchecked = true is looser than the false that you allow, {NOT_MORE} "
            "`[run] allow_unchecked = true` into config.toml, or give --set run.allow_unchecked=true.",
            id="unchecked",
        ),
        pytest.param(
            CHECK + "network = true",
            "ralph.toml:4: checks[1].network = true is not for a repo to decide. To allow it: run `ralph trust` in this repo, "
            "or write `[run] allow_network = true` into config.toml, or give --set run.allow_network=true.",
            id="network",
        ),
        pytest.param(
            "[run]\njobs = 2",
            f"ralph.toml:2: run.jobs = 2 is looser than the 1 that you allow, {NOT_MORE} "
            "`[run] jobs = 2` into config.toml, or give --jobs 2.",
            id="jobs",
        ),
        pytest.param(
            'copy = [".env"]',
            'ralph.toml:1: copy = [".env"] is not for a repo to decide. To allow it: run `ralph trust` in this repo, '
            'or write `copy = [".env"]` into config.toml, or give --set \'copy=[".env"]\'.',
            id="copy",
        ),
        pytest.param(
            SERVICE,
            'ralph.toml:1: services = [{name = "database", up = "true"}] is not for a repo to decide. Its commands run outside '
            "of the sandbox. To allow it: read them, then run `ralph trust` in this repo.",
            id="services",
        ),
        pytest.param(
            'provider = "vertex"',
            'ralph.toml:1: provider = "vertex" is not for a repo to decide. To allow it: run `ralph trust` in this repo, '
            'or write `provider = "vertex"` into config.toml, or give --set \'provider="vertex"\'.',
            id="provider",
        ),
        pytest.param(
            'base_url = "https://models.example.com"',
            'ralph.toml:1: base_url = "https://models.example.com" is not for a repo to decide. To allow it: run `ralph trust` in '
            'this repo, or write `base_url = "https://models.example.com"` into config.toml, or give '
            "--set 'base_url=\"https://models.example.com\"'.",
            id="base-url",
        ),
        pytest.param(
            '[prices."claude-opus-5-5"]\ninput = 0\noutput = 0',
            "ralph.toml:1: prices.claude-opus-5-5 = {input = 0, output = 0} is not for a repo to decide. To allow it: run "
            "`ralph trust` in this repo, or write `prices.claude-opus-5-5 = {input = 0, output = 0}` into config.toml, or give "
            "--set 'prices.claude-opus-5-5={input = 0, output = 0}'.",
            id="prices",
        ),
    ],
)
def test_what_a_repo_loosens_is_refused_with_three_remedies_word_for_word(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param(
            "limits.per_run_usd",
            "nan",
            f"--max-cost: limits.per_run_usd cannot be nan. {USD[:-19]}--max-cost 5.00.",
            id="nan",
        ),
        pytest.param(
            "limits.per_run_usd",
            "0",
            f"--max-cost: limits.per_run_usd cannot be 0. {USD[:-19]}--max-cost 5.00.",
            id="zero",
        ),
        pytest.param(
            "run.max_duration",
            "2 weeks",
            '--max-duration: run.max_duration cannot be "2 weeks". Write a length of time such as 2h, 90m or 1h30m, '
            "for example --max-duration 2h.",
            id="duration",
        ),
        pytest.param(
            "agent.turns",
            "x",
            '--set agent.turns: agent.turns cannot be "x". Write a whole number from 1 to 1000, for example --set agent.turns=150.',
            id="set",
        ),
        pytest.param(
            "agent.turn", "5", '--set agent.turn: unknown setting "turn". Did you mean "turns"?', id="unknown"
        ),
    ],
)
def test_a_wrong_option_is_refused_word_for_word(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve(None, None, {name: value})
    assert str(caught.value) == message


def test_without_any_source_there_is_a_cost_limit_of_five_dollars() -> None:
    settings = resolve(None, None, {}).settings
    assert settings.limits.micros("per_run_usd") == 5_000_000
    assert settings.limits.micros("per_day_usd") is None
    assert (settings.checks, settings.agent.effort_first, settings.agent.effort_retry) == (
        None,
        Effort.MEDIUM,
        Effort.HIGH,
    )


def test_a_repo_may_tighten_and_its_value_wins_over_the_users() -> None:
    repo = '[limits]\nper_run_usd = 2\nper_day_usd = 3.5\n[agent]\ntools = ["bash", "finish"]\n[run]\nmax_duration = "90m"\n'
    settings = loaded(repo, "[limits]\nper_run_usd = 10\n").settings
    assert settings.limits.micros("per_run_usd") == 2_000_000
    assert settings.agent.tools == ("bash", "finish")
    assert settings.run.max_duration_s == 5400


def test_what_the_user_allows_in_his_own_file_a_repo_may_use() -> None:
    user = 'base_url = "http://127.0.0.1:1"\n[limits]\nper_run_usd = 10\n[run]\nallow_network = true\n'
    repo = 'base_url = "http://127.0.0.1:1"\n[limits]\nper_run_usd = 9\n' + CHECK + "network = true\n"
    settings = loaded(repo, user).settings
    assert settings.limits.per_run_usd == 9
    assert settings.checks is not None
    assert settings.checks[0].network


ALERTS_OFF = (
    "session_usd",
    "unknown_usd",
    "session_median",
    "session_p95",
    "call_median",
    "call_p95",
    "tool_error_percent",
)
RETENTION_OFF = ("traces", "texts", "traces_size", "failed_work", "runs")


@pytest.mark.parametrize(
    "name", [*(f"alerts.{name}" for name in ALERTS_OFF), *(f"retention.{name}" for name in RETENTION_OFF)]
)
def test_a_threshold_and_an_age_can_be_switched_off_and_no_other_word_does(name: str) -> None:
    table, key = name.split(".")
    settings = loaded(user=f'[{table}]\n{key} = "never"\n').settings
    section = getattr(settings, table)
    assert getattr(section, ATTRIBUTES.get(key, key)) is None
    for word in ("none", "off", "Never", ""):
        with pytest.raises(SettingsError) as caught:
            loaded(user=f'[{table}]\n{key} = "{word}"\n')
        assert str(caught.value).startswith(f'config.toml:2: {name} cannot be "{word}". Write a ')
        assert ', or "never", for example ' in str(caught.value)


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        pytest.param("day_usd", '`off = ["day_cost"]` switches the rule off', id="expected-cost"),
        pytest.param("schedule_grace", '`off = ["schedule_missed"]` switches the rule off', id="grace"),
    ],
)
def test_where_never_would_say_nothing_it_is_told_what_switches_the_rule_off(key: str, remedy: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(user=f'[alerts]\n{key} = "never"\n')
    assert remedy in str(caught.value)


def test_services_and_files_to_copy_come_from_a_trusted_file_or_the_users_own() -> None:
    settings = loaded("", SERVICE + 'down = "false"\ntimeout_s = 5\n', copy='[".env"]').settings
    assert [(one.name, one.up, one.down, one.timeout_s) for one in settings.services] == [
        ("database", "true", "false", 5)
    ]
    assert settings.copy_files == (".env",)


def test_a_repo_may_forbid_parallel_stories_and_waiting() -> None:
    settings = loaded("[run]\njobs = 1\nwait_for_reset = false\n", "[run]\njobs = 4\n").settings
    assert (settings.run.jobs, settings.run.wait_for_reset) == (1, False)


def test_models_by_role_are_unset_until_somebody_sets_them() -> None:
    settings = loaded('[agent]\nmodel_retry = "m-2"\n').settings
    assert (settings.agent.model_retry, settings.judge.model, settings.judge.effort) == ("m-2", None, Effort.MEDIUM)
    assert (settings.provider, settings.run.jobs, settings.run.wait_for_reset) == ("anthropic", 1, True)


def test_the_command_line_wins_over_the_repo_and_makes_its_word_moot() -> None:
    result = loaded(
        "[limits]\nper_run_usd = 20\n", limits__per_run_usd="30", run__max_duration="1d", agent__model="m-1"
    )
    assert result.settings.limits.per_run_usd == 30
    assert result.settings.run.max_duration_s == 86_400
    assert result.settings.agent.model == "m-1"


def test_each_value_says_where_it_came_from() -> None:
    origins = loaded(
        "[limits]\nper_run_usd = 2\n" + CHECK, "[agent]\n\nmodel = 'x'", run__max_iterations=3, agent__turns=None
    ).origins
    assert origins["limits.per_run_usd"].place == "ralph.toml:2"
    assert origins["checks"].place == "ralph.toml:3"
    assert (origins["agent.model"].layer, origins["agent.model"].place) == (Layer.USER, "config.toml:3")
    assert origins["run.max_iterations"].place == "--max-iterations"
    assert origins["agent.turns"].layer is Layer.DEFAULT


def test_the_setup_is_a_check_named_setup() -> None:
    setup = loaded('[setup]\ncommand = "make deps"\ntimeout_s = 60').settings.setup
    assert setup is not None
    assert (setup.name, setup.command, setup.timeout_s) == ("setup", "make deps", 60)


def test_settings_are_read_from_the_bytes_that_were_pinned_and_not_from_the_file(tmp_path: Path, home: Home) -> None:
    (tmp_path / "ralph.toml").write_text("nonsense =", encoding="utf-8")
    result = load_settings(tmp_path, home, data=b"[agent]\nattempts = 1\n")
    assert result.settings.agent.attempts == 1
    assert result.repo_sha256 == hashlib.sha256(b"[agent]\nattempts = 1\n").hexdigest()


def test_trusting_a_file_pins_its_bytes_and_a_change_is_told(tmp_path: Path, home: Home) -> None:
    file = tmp_path / "ralph.toml"
    file.write_text("[limits]\nper_run_usd = 20\n", encoding="utf-8")
    with pytest.raises(SettingsError):
        load_settings(tmp_path, home)
    trust_file(home, file, now=lambda: datetime(2026, 11, 20, tzinfo=UTC))
    result = load_settings(tmp_path, home)
    assert (result.settings.limits.per_run_usd, result.trust) == (20, TrustState.TRUSTED)
    file.write_text("[limits]\nper_run_usd = 30\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, home)
    assert str(caught.value).splitlines()[:2] == [
        "ralph.toml has changed since you trusted it on 2026-11-20T00:00:00Z, so it is not trusted now:",
        "  limits.per_run_usd: 20 -> 30",
    ]
    assert "per_run_usd = 30 is looser than the 5.0 that you allow" in str(caught.value)
    assert "To allow it: run `ralph trust` in this repo" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param("", 'sandbox = "none"', ['sandbox: not set -> "none"'], id="added"),
        pytest.param("[run]\njobs = 2", "", ["run.jobs: 2 -> not set"], id="removed"),
        pytest.param("[run]\njobs = 1 # one", "[run]\n\njobs = 1", [], id="only-a-comment"),
        pytest.param("a = 1", "a = true", ["a: 1 -> true"], id="another-kind"),
        pytest.param(
            CHECK, CHECK.replace('"true"', '"false"'), ['checks.tests.command: "true" -> "false"'], id="check-by-name"
        ),
        pytest.param(
            CHECK,
            '[[checks]]\nname = "lint"\ncommand = "l"\nnetwork = true\n' + CHECK,
            [
                'checks.lint.name: not set -> "lint"',
                'checks.lint.command: not set -> "l"',
                "checks.lint.network: not set -> true",
            ],
            id="a-new-check-before",
        ),
        pytest.param(
            SERVICE, SERVICE.replace("true", "x" * 99), [f'services.database.up: "true" -> "{"x" * 99}"'], id="whole"
        ),
        pytest.param("a = 1", "a = = 1", [], id="not-toml"),
    ],
)
def test_what_changed_in_a_settings_file_is_told_setting_by_setting(before: str, after: str, told: list[str]) -> None:
    assert list(changes(before.encode(), after.encode())) == told


def test_a_change_that_loosens_nothing_is_told_without_refusing(tmp_path: Path, home: Home) -> None:
    file = tmp_path / "ralph.toml"
    file.write_text("[limits]\nper_run_usd = 20\n", encoding="utf-8")
    trust_file(home, file)
    file.write_text("[limits]\nper_run_usd = 2\n", encoding="utf-8")
    result = load_settings(tmp_path, home)
    assert (result.trust, result.change[1:]) == (TrustState.CHANGED, ("  limits.per_run_usd: 20 -> 2",))


def test_a_pin_without_its_text_still_tells_that_the_file_changed(tmp_path: Path, home: Home) -> None:
    file = tmp_path / "ralph.toml"
    home.folder()
    home.trust.write_text(
        json.dumps({"files": {str(file): {"sha256": "0", "trusted_at": "2026-11-20T00:00:00Z"}}}), encoding="utf-8"
    )
    file.write_text("", encoding="utf-8")
    assert load_settings(tmp_path, home).change == (
        "ralph.toml has changed since you trusted it on 2026-11-20T00:00:00Z, so it is not trusted now. Read it again.",
    )


def test_the_list_of_trusted_files_is_for_its_owner_only_and_can_be_taken_back(tmp_path: Path, home: Home) -> None:
    file = tmp_path / "ralph.toml"
    file.write_bytes(b"")
    trust_file(home, file)
    assert stat.S_IMODE(home.trust.stat().st_mode) == 0o600
    assert verdict(home, file, b"").state is TrustState.TRUSTED
    assert verdict(home, tmp_path / "other" / "ralph.toml", b"").state is TrustState.UNKNOWN
    assert forget_file(home, file)
    assert not forget_file(home, file)
    assert [path.name for path in home.root.iterdir()] == ["trust.json"]


def test_a_broken_list_of_trusted_files_is_an_error_and_not_trust(tmp_path: Path, home: Home) -> None:
    home.root.mkdir()
    home.trust.write_text("{", encoding="utf-8")
    with pytest.raises(RalphError) as caught:
        verdict(home, tmp_path / "ralph.toml", b"")
    assert str(caught.value) == (
        f"{home.trust}: cannot be read as Ralph's list of trusted files. Delete it and run `ralph trust` again."
    )


def test_a_settings_file_that_cannot_be_read_is_an_error(tmp_path: Path, home: Home) -> None:
    (tmp_path / "ralph.toml").mkdir()
    with pytest.raises(SettingsError, match="Make it a file that you can read, or remove it"):
        load_settings(tmp_path, home)


def test_lines_are_found_through_comments_strings_arrays_and_dotted_keys() -> None:
    data = b'\xef\xbb\xbf# a\r\n[[checks]]\r\nname = """\r\n[not]\r\n"""\r\nenv.CI = "1"\r\n[checks.env]\r\nX = "y"\r\n[[checks]]\r\nx = [\r\n1,\r\n]\r\n"q.r" = {a = 1}\r\n'
    lines = find_lines(data.replace(b'env.CI = "1"\r\n', b""))
    assert lines["checks", 0, "name"] == 3
    assert lines["checks", 0, "env", "X"] == 7
    assert lines["checks", 1] == 8
    assert lines["checks", 1, "x", 0] == 9
    assert lines["checks", 1, "q.r", "a"] == 12


@given(
    st.lists(
        st.tuples(st.sampled_from(["run", "agent", "a.b", '"x y"']), st.integers(0, 3), st.booleans()),
        unique_by=lambda t: t[0],
    )
)
def test_every_key_of_any_file_has_the_line_it_stands_on(tables: list[tuple[str, int, bool]]) -> None:
    text = "".join(
        f"[{name}]\n" + "\n" * blank + ("many = [\n 1,\n]\n" if many else "") + f"key = {number}\n"
        for number, (name, blank, many) in enumerate(tables)
    )
    rows = text.split("\n")
    for path, line in find_lines(text.encode()).items():
        if path[-1] == "key":
            assert rows[line - 1].startswith("key = ")
    assert parse(text.encode()) is not None


@given(st.integers(1, 10_000_000))
def test_a_duration_is_read_back_from_its_own_text(seconds: int) -> None:
    assert parse_duration_s(duration_text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2h90", "-2h", "0m", "1.5h", "2m1h", "٢h"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="for example 2h, 90m or 1h30m"):
        parse_duration_s(text)


def test_a_set_option_is_a_name_and_a_value() -> None:
    assert parse_set_option("agent.turns = 5") == ("agent.turns", "5")
    with pytest.raises(ValueError, match=r"for example --set agent.turns=200"):
        parse_set_option("agent.turns")


@pytest.mark.parametrize(
    "folder", ["/", "~", "~/", "~/.ssh", "~/.ssh/x", "~/.config", "~/x/../.aws", "cache", "~/.local/share"]
)
def test_a_cache_is_no_home_and_holds_no_credentials(folder: str) -> None:
    with pytest.raises(SettingsError, match="caches cannot be"):
        loaded("", f'caches = ["{folder}"]')


def test_caches_limits_and_protected_files_are_read_with_their_units() -> None:
    text = 'caches = ["~/.cache/pip", "/var/cache/x"]\nprotected = ["docs/**"]\n[resources]\nmemory = "4 GB"\nfile_size = "512MiB"\n'
    settings = loaded("", text).settings
    assert settings.caches == ("~/.cache/pip", "/var/cache/x")
    assert settings.protected == ("docs/**",)
    assert (settings.resources.memory_bytes, settings.resources.file_size_bytes) == (2**32, 2**29)


@pytest.mark.parametrize("size", ['"4"', '"0GB"', '"4KB"', '"lots"', "5", "true"])
def test_a_size_without_a_unit_or_a_limit_next_to_nothing_is_refused(size: str) -> None:
    with pytest.raises(SettingsError, match="Write a size such as 4GB or 512MB"):
        loaded("", f"[resources]\nmemory = {size}")


@pytest.mark.parametrize(
    ("user", "repo", "may"),
    [
        ("auto", "required", True),
        ("auto", "bwrap", True),
        ("auto", "landlock", False),
        ("auto", "none", False),
        ("none", "auto", True),
        ("required", "auto", False),
        ("required", "bwrap", True),
        ("bwrap", "required", False),
        ("bwrap", "landlock", False),
        ("landlock", "required", True),
        ("landlock", "auto", False),
    ],
)
def test_a_repo_may_name_a_stricter_sandbox_and_never_a_weaker_one(user: str, repo: str, *, may: bool) -> None:
    try:
        assert loaded(f'sandbox = "{repo}"', f'sandbox = "{user}"').settings.sandbox == repo
    except SettingsError:
        assert not may
    else:
        assert may


def test_a_repo_may_lower_a_limit_protect_files_and_not_name_caches() -> None:
    user = '[resources]\nmemory = "4GB"\n'
    repo = 'protected = ["a"]\n[resources]\nmemory = "2GB"\n'
    assert loaded(repo, user).settings.resources.memory_bytes == 2**31
    for refused in ('[resources]\nmemory = "8GB"\n', 'caches = ["~/.cache/pip"]\n'):
        with pytest.raises(SettingsError, match="ralph trust"):
            loaded(refused, user)


@pytest.mark.parametrize("trust", [TrustState.UNKNOWN, TrustState.TRUSTED])
def test_what_is_about_this_machine_is_not_heard_from_a_repo_trusted_or_not(trust: TrustState) -> None:
    file = SettingsFile(Path("ralph.toml"), b'[ui]\nport = 3\n[alerts]\noff = ["finding"]\n', "ralph.toml")
    with pytest.raises(SettingsError) as refused:
        resolve(file, None, {}, trust=Verdict(trust), user_path=Path("/home/me/config.toml"))
    assert str(refused.value) == (
        "ralph.toml:2: ui.port is about this machine and no repository, so it is not heard here. "
        "Write it into /home/me/config.toml.\n"
        "ralph.toml:4: alerts.off is about this machine and no repository, so it is not heard here. "
        "Write it into /home/me/config.toml."
    )


def test_nor_from_the_command_line_of_a_run() -> None:
    with pytest.raises(SettingsError, match=r"--set report\.at: report\.at is about this machine"):
        resolve(None, None, {"report.at": "07:30"})
