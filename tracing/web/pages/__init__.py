"""The pages that every agent's traces have. A page is a function that returns a dataclass; HTML and JSON render it."""
