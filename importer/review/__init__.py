"""Lets a second person approve a job before it writes anything."""

from importer.review.approvals import (
    Approval,
    ApprovalRefused,
    approval_of,
    approve,
    decline,
    may_approve,
    must_wait,
    refuse_other,
    refuse_unapproved,
)

__all__ = [
    "Approval",
    "ApprovalRefused",
    "approval_of",
    "approve",
    "decline",
    "may_approve",
    "must_wait",
    "refuse_other",
    "refuse_unapproved",
]
