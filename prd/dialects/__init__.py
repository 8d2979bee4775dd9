"""The shapes in which people keep a PRD, one file each. A dialect knows its own keys and nothing of the others."""
