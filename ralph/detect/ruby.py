"""Ruby: RSpec, Rails' tests, Rake's test task, plain minitest; RuboCop where it is configured."""

import re
from collections.abc import Iterator

from ralph.checks.check import Check
from ralph.detect.found import Found, Host, Kind, check, setup, tool_needs, unignored
from ralph.detect.tree import Folder

IN_THE_TREE = {"BUNDLE_PATH": "vendor/bundle"}
MINITEST = """ruby -Ilib -Itest -e 'Dir["test/**/*_test.rb"].each { |file| require "./#{file}" }'"""
RUBY = "See https://www.ruby-lang.org for how to install Ruby."


def find_ruby(folder: Folder, host: Host) -> Found | None:
    has_gems = bool(re.search(r"^[ \t]*(gem|gemspec)\b", folder.text("Gemfile"), re.MULTILINE))
    run, env = ("bundle exec ", IN_THE_TREE if host.prepared else {}) if has_gems else ("", {})
    checks = [*_tests(folder, run, env), *_lint(folder, host, run, env)]
    if not checks and not folder.has("Gemfile"):
        return None
    named = {"ruby": RUBY, **({"bundle": "gem install bundler"} if has_gems else {})}
    return Found(
        ecosystem="ruby",
        checks=tuple(checks),
        setup=setup("bundle install --quiet", IN_THE_TREE) if has_gems and host.prepared else None,
        manifests=tuple(name for name in folder.listed if name == "Gemfile" or re.fullmatch(r"[^/]+\.gemspec", name)),
        lock_files=("Gemfile.lock",) if folder.has("Gemfile.lock") else (),
        hints=unignored(folder, "vendor/bundle") if has_gems and host.prepared else (),
        needs=tool_needs(host, folder.place(folder.first("Gemfile", "Rakefile") or "."), **named) if checks else (),
    )


def _tests(folder: Folder, run: str, env: dict[str, str]) -> Iterator[tuple[Kind, Check]]:
    if folder.has(".rspec") or folder.matching("spec/*_spec.rb"):
        yield check(Kind.TEST, "rspec", f"{run}rspec", env=env)
    elif folder.has("bin/rails") and folder.matching("test/*_test.rb"):
        yield check(Kind.TEST, "rails test", "bin/rails test", env=env)
    elif re.search(r"TestTask|task[ (]+:?test\b", folder.text("Rakefile")):
        yield check(Kind.TEST, "rake test", f"{run}rake test", env=env)
    elif folder.matching("test/*_test.rb"):
        yield check(Kind.TEST, "minitest", f"{run}{MINITEST}", env=env)


def _lint(folder: Folder, host: Host, run: str, env: dict[str, str]) -> Iterator[tuple[Kind, Check]]:
    installed = "rubocop" in folder.text("Gemfile") + folder.text("Gemfile.lock")
    if folder.has(".rubocop.yml") and (installed if run else host.has("rubocop")):
        yield check(Kind.LINT, "rubocop", f"{run}rubocop", env=env)
