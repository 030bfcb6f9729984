"""Every refusal of the API as the contract words it, in one place.

Bodies come in two forms, as the vendor's do: `{"message": …}`, and `{"error": …}` for what concerns the key (401, 429).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class ApiError(Exception):
    """A refusal: the HTTP status, the JSON body and further headers of the answer."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = dict(body)
        self.headers = dict(headers or {})


def validation(errors: Iterable[str]) -> ApiError:
    """400: each error names the field and says what is wrong, without quoting what was sent."""
    return ApiError(400, {"message": "Validation error", "errors": list(errors)})


def invalid_id() -> ApiError:
    return ApiError(400, {"message": "Invalid execution ID format"})


def invalid_key() -> ApiError:
    return ApiError(401, {"error": "Invalid API key"}, {"WWW-Authenticate": "Bearer"})


def types_not_accessible(codes: Iterable[str]) -> ApiError:
    return ApiError(403, {"message": f"Document types not accessible: {', '.join(codes)}"})


def step_not_found() -> ApiError:
    return ApiError(404, {"message": "Step not found or access denied"})


def execution_not_found() -> ApiError:
    return ApiError(404, {"message": "Execution not found"})


def type_not_found() -> ApiError:
    return ApiError(404, {"message": "Document type not found"})


def url_not_accessible(what: str) -> ApiError:
    """404: `what` is the other server's status line, as in `404 Not Found`, or why there was none."""
    return ApiError(404, {"message": f"Error accessing URL: {what}"})


def url_timeout(seconds: float) -> ApiError:
    return ApiError(408, {"message": f"URL download timeout ({seconds * 1000:.0f}ms)"})


def too_large(limit: int) -> ApiError:
    """413; a MB is 2^20 bytes here."""
    return ApiError(413, {"message": f"File exceeds maximum allowed size ({limit / 2**20:g}MB)"})


def unsupported_body() -> ApiError:
    return ApiError(415, {"message": "Unsupported Content-Type. Use multipart/form-data or application/json."})


def rate_limited(limit: int, reset_time: int, retry_after: int) -> ApiError:
    """429: `reset_time` in seconds since the epoch, `retry_after` in seconds."""
    body = {
        "error": "Rate limit exceeded",
        "limitType": "minute",
        "limit": limit,
        "remaining": 0,
        "resetTime": reset_time,
        "retryAfter": retry_after,
    }
    return ApiError(429, body, {"Retry-After": str(retry_after)})


def internal(what: str) -> ApiError:
    return ApiError(500, {"message": f"Internal server error: {what}"})
