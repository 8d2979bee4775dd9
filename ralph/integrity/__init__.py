"""The integrity guard: whether work that passes its checks passes them honestly."""
