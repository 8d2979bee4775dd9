"""One module for each kind of channel: `send(attempt)` hands one message over, or says in an error why not."""
