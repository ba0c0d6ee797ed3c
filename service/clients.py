"""Who a request is from: the name of a client's key, or its address. Set for the time of a request or session.

What is shared among clients asks `current`: a request's way to it leads through code that has nothing to do with that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address

_current: ContextVar[str] = ContextVar("client", default="")


def current() -> str:
    """The client that this code works for; empty where it works for none."""
    return _current.get()


@contextmanager
def working_for(client: str) -> Iterator[None]:
    """Until the block ends, and in all tasks that it creates, `current` is this client."""
    token = _current.set(client)
    try:
        yield
    finally:
        _current.reset(token)


def of_key(name: str) -> str:
    return f"key {name}"


def of_address(text: str) -> str:
    """An IPv6 network of /64 is one client: one machine may have all its addresses."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return f"address {text}"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return f"address {address.ipv4_mapped}"
        if not address.is_loopback:
            return f"network {IPv6Address(int(address) >> 64 << 64)}/64"
    return f"address {address}"
