"""What the product had and has no more, as far as the changed files show: the words that its tests may be about."""

from pathlib import PurePosixPath

from ralph.integrity.change import Change
from ralph.integrity.rust_tests import product_in
from ralph.integrity.testfiles import is_test_file
from ralph.integrity.tokens import tokens, with_words


def lost_words(change: Change) -> frozenset[str]:
    """Names, numbers and words of texts that only removed lines of the product have, and the names of files that went."""
    files = [file for file in change.files if not is_test_file(file.path)]
    old = tokens("\n".join(line.text for file in files for line in file.removed)).all
    new = tokens("\n".join(_product(file.path, file.new_text) for file in files)).all
    stems = {PurePosixPath(file.old_path).stem for file in files if file.is_removed}
    return (with_words(old) - with_words(new)) | frozenset(stems)


def _product(path: str, text: str) -> str:
    return product_in(text) if path.endswith(".rs") else text
