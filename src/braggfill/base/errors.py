"""The one exception that a user is meant to read: what was wrong with the input, in a sentence."""


class InputError(ValueError):
    """Bad input at the public door; the message names the argument, what was got, what was expected and the remedy."""
