"""What the user did wrong; the message is printed and the program leaves with 2."""


class KittyError(Exception):
    """A message for the user."""
