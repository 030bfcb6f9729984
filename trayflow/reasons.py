"""Reason codes: why a document ended where it did."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a document ended where it did. Codes are stable: users filter and alert on them."""

    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    ENCRYPTED = "encrypted"
    UNREADABLE = "unreadable"
    VANISHED = "vanished"
    REPLACED = "replaced"
    ARCHIVED = "archived"
    REJECTED = "rejected"
    IDENTIFICATION_FAILED = "identification_failed"
    EXECUTION_FAILED = "execution_failed"
    NO_ANSWER = "no_answer"
    SUBMISSION_UNKNOWN = "submission_unknown"
    OTHER_TYPE = "other_type"
    LOW_CONFIDENCE = "low_confidence"
    NO_ROUTE = "no_route"
    FAILED_CHECKS = "failed_checks"
    SAME_BYTES = "same_bytes"
