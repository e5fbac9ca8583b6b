"""The exceptions that a user is meant to read: what was wrong with the input, in a sentence."""

from braggfill.base.text import as_sentence


class InputError(ValueError):
    """Bad input at the public door; the message names the argument, what was got, what was expected and the remedy.

    Whatever the input held, the message is one printable line of at most ``LONGEST_SENTENCE`` characters.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(as_sentence(sentence))


class VanishedError(InputError):
    """Nothing is left of an object that was looked for."""

    def __init__(self) -> None:
        super().__init__("support: got an empty one, the object vanished; check that the scan holds a Bragg peak with fringes")
