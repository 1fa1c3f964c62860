"""What the library says when it fails."""

from __future__ import annotations


class Error(RuntimeError):
    """A failure that the library reports.

    Attributes:
        kind: ``"invalid argument"``, ``"invalid spec"``, ``"unsupported"``,
            ``"compile error"``, ``"tool chain"``, ``"not prepared"``,
            ``"retry"`` (the same call may succeed later), ``"context lost"``
            (start a new process), ``"fatal"``, ``"not enough memory"`` or
            ``"internal error"``.
        notes: further sentences, as a list.

    Wrong types and values that Python sees first are ``TypeError`` and
    ``ValueError``; operators of torch raise ``RuntimeError`` as all of them.
    """

    def __init__(self, kind: str, message: str):
        first, *notes = message.split("\n")
        super().__init__(message)
        self.kind = kind
        self.message = first
        self.notes = notes

    def __reduce__(self):
        return (Error, (self.kind, str(self)))
