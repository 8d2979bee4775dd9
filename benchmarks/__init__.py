"""What Ralph costs by itself. Run by hand with `make bench`, never as a test: a busy machine would fail it."""
