"""Detectors of what goes wrong in agents, one class each, over a stream of spans and without a model call."""
