"""The verbs of the command line: each parses, loads, calls one function and saves."""
