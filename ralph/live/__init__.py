"""The live view of a run on a terminal: a state that follows the events, its picture, the painter and the keys."""
