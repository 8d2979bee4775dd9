"""Git as Ralph uses it: worktrees under Ralph's own folder, the one commit, rescue refs; the user's checkout untouched."""
