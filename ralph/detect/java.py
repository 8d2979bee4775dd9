"""Java and Kotlin: Maven and Gradle, by the repo's own wrapper where it has one. All modules at once."""

from ralph.detect.found import SLOW_S, Found, Host, Kind, check, setup, tool_needs
from ralph.detect.proposal import Need
from ralph.detect.tree import Folder

GRADLE_BUILDS = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
GRADLE_OPTIONS = "--no-daemon --quiet"
REMEDY = {"mvn": "Install Maven.", "gradle": "Install Gradle.", "java": "Install a JDK."}


def find_java(folder: Folder, host: Host) -> Found | None:
    """Maven wins where both are: its file names everything it builds."""
    if folder.has("pom.xml"):
        return _maven(folder, host)
    return _gradle(folder, host) if folder.has(*GRADLE_BUILDS) else None


def _maven(folder: Folder, host: Host) -> Found:
    maven = "./mvnw" if folder.has("mvnw") else "mvn"
    return Found(
        ecosystem="java",
        checks=(check(Kind.TEST, "mvn test", f"{maven} -q -B test", SLOW_S),),
        setup=setup(f"{maven} -q -B dependency:go-offline") if host.prepared else None,
        manifests=(
            "pom.xml",
            *[name for name in folder.matching("*/pom.xml") if "<modules>" in folder.text("pom.xml")],
        ),
        needs=_tools(folder, host, maven),
        covers=("*",) if "<modules>" in folder.text("pom.xml") else (),
        installs=("*",),
    )


def _gradle(folder: Folder, host: Host) -> Found:
    gradle = "./gradlew" if folder.has("gradlew") else "gradle"
    is_multi = folder.has("settings.gradle", "settings.gradle.kts")
    return Found(
        ecosystem="java",
        checks=(check(Kind.TEST, "gradle test", f"{gradle} {GRADLE_OPTIONS} test", SLOW_S),),
        setup=setup(f"{gradle} {GRADLE_OPTIONS} testClasses") if host.prepared else None,
        manifests=tuple(name for name in folder.matching("*.gradle", "*.gradle.kts", "gradle/libs.versions.toml")[:50]),
        lock_files=("gradle.lockfile",) if folder.has("gradle.lockfile") else (),
        needs=_tools(folder, host, gradle),
        covers=("*",) if is_multi else (),
        installs=("*",),
    )


def _tools(folder: Folder, host: Host, tool: str) -> tuple[Need, ...]:
    name = "java" if tool.startswith("./") else tool
    return tool_needs(host, folder.place(folder.first("pom.xml", *GRADLE_BUILDS) or "."), **{name: REMEDY[name]})
