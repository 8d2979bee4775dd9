"""One guarded, traced, retried model call. Knows nothing about stories or tools; imports the SDK when the first call is made."""
