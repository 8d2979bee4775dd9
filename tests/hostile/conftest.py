"""The worlds of the whole-run tests, for hostile repositories."""

from tests.e2e.conftest import world

__all__ = ["world"]
