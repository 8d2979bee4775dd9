"""PHP: Composer's `test` script, Pest or PHPUnit; PHPStan where it is configured."""

from collections.abc import Iterator

from ralph.checks.check import Check
from ralph.detect.found import Found, Host, Kind, check, setup, tool_needs, unignored
from ralph.detect.tree import Folder, table

INSTALL = "composer install --no-interaction --no-progress"
UPDATE = "composer update --no-interaction --no-progress"  # when the manifest has outgrown the lock file
COMPOSER = {"php": "Install PHP.", "composer": "See https://getcomposer.org for how to install Composer."}


def find_php(folder: Folder, host: Host) -> Found | None:
    if not folder.has("composer.json"):
        return None
    composer = folder.json("composer.json")
    required = {**table(composer, "require"), **table(composer, "require-dev")}
    packages = {name for name in required if "/" in name}
    checks = list(_checks(folder, composer, packages))
    return Found(
        ecosystem="php",
        checks=tuple(checks),
        setup=setup(f"{INSTALL} || {UPDATE}") if packages and host.prepared else None,
        manifests=("composer.json",),
        lock_files=("composer.lock",) if folder.has("composer.lock") else (),
        hints=unignored(folder, "vendor") if packages and host.prepared else (),
        needs=tool_needs(host, folder.place("composer.json"), **COMPOSER) if checks else (),
    )


def _checks(folder: Folder, composer: dict[str, object], packages: set[str]) -> Iterator[tuple[Kind, Check]]:
    if "test" in table(composer, "scripts"):
        yield check(Kind.TEST, "test", "composer test")
    elif "pestphp/pest" in packages:
        yield check(Kind.TEST, "pest", "vendor/bin/pest")
    elif folder.has("phpunit.xml", "phpunit.xml.dist") or "phpunit/phpunit" in packages:
        yield check(Kind.TEST, "phpunit", "vendor/bin/phpunit")
    if folder.has("phpstan.neon", "phpstan.neon.dist", "phpstan.dist.neon"):
        yield check(Kind.TYPES, "phpstan", "vendor/bin/phpstan analyse --no-progress")
