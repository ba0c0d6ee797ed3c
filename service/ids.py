"""Ids of requests and sessions."""

import uuid


def new_id() -> str:
    """32 hexadecimal digits, different at each call."""
    return uuid.uuid4().hex
