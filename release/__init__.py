"""Makes what a release consists of: `make release`. Nothing is uploaded."""


class ReleaseError(Exception):
    """What a release lacks; the message says what to do."""
