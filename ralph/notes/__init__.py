"""What finished stories leave behind: the commit's words, the progress log, codebase patterns, archives."""
