"""Text from anywhere as a person may be shown it: nothing that moves a terminal, and no more than is read."""

import re

LONGEST_WORD = 200
"""Characters of a name, or of anything else without a blank."""
LONGEST_SENTENCE = 480
"""Characters of what is said of bad input."""


def printable(text: str) -> str:
    r"""Text whose control characters, line breaks and undecoded bytes are written out, such as ``\x1b``.

    >>> printable("S12\x1b[31m.npz")
    'S12\\x1b[31m.npz'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, most: int) -> str:
    """The beginning and the end of a text, in so many characters at most.

    >>> shortened("abcdefghij", 7)
    'abcd…ij'
    """
    head = (most + 1) // 2
    return text if len(text) <= most else f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def as_sentence(text: str) -> str:
    """A sentence that holds what others wrote: printable, its words and itself no longer than is read."""
    words = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", lambda word: shortened(word[0], LONGEST_WORD), printable(text))
    return shortened(words, LONGEST_SENTENCE)
