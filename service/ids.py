"""Ids of requests and sessions."""

import os


def new_id() -> str:
    """32 hexadecimal digits, different at each call."""
    return os.urandom(16).hex()
