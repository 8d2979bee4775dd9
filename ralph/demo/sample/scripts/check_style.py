"""Compile every file and hold it to a few house rules; exits 1 and names the line when one is broken."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_COLUMNS = 120


def problems(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    where = path.relative_to(ROOT)
    found = [
        f"{where}:{number}: longer than {MAX_COLUMNS} columns"
        for number, line in enumerate(text.splitlines(), start=1)
        if len(line) > MAX_COLUMNS
    ]
    for node in ast.walk(ast.parse(text, filename=str(where))):
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and "src" in where.parts:
            found.append(f"{where}:{node.lineno}: a float; money is whole cents (docs/money.md)")
        if isinstance(node, ast.FunctionDef) and "src" in where.parts and node.returns is None:
            found.append(f"{where}:{node.lineno}: {node.name} does not say what it returns")
    return found


def main() -> int:
    files = sorted(path for folder in ("src", "tests", "scripts") for path in (ROOT / folder).rglob("*.py"))
    found = [problem for path in files for problem in problems(path)]
    print("\n".join(found) or f"{len(files)} files, no problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
