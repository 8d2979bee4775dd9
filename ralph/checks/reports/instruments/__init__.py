"""Files that are laid into a check's environment and run inside of the test runners; nothing here is used by Ralph."""
