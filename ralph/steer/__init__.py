"""How somebody outside speaks to a run that is going, and how a session hears it."""
