"""The studies: how right the fills are, one module a question, each answered by tables and a picture."""
