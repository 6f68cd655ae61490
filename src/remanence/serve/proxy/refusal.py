"""Errors as OpenAI's clients read them."""

from __future__ import annotations

from remanence.errors import RemanenceError
from remanence.serve.ops.line import dumps
from remanence.serve.ops.status import http_status

Headers = list[tuple[bytes, bytes]]


class Refusal(Exception):
    """An answer of the proxy's own: nothing of upstream's stands behind it. `code` is stable, `message` for people."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers: Headers = [
            (name.replace("_", "-").lower().encode(), value.encode())
            for name, value in headers.items()
        ]

    @classmethod
    def of(cls, error: RemanenceError) -> Refusal:
        """One of our errors."""
        return cls(http_status(error), error.code, str(error))

    @property
    def body(self) -> bytes:
        """`{"error": {"message", "type", "param", "code"}}`."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return dumps(
            {"error": {"message": self.message, "type": kind, "param": None, "code": self.code}}
        )
