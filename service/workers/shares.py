"""Shares: what clients have of a thing of which there is only so much, so that none takes the last of it alone."""

from collections import Counter

from ..problems import Overloaded

# A client may have at most so many times what is left for the others. This is the rule of dynamic thresholds for the
# memory of network switches (Choudhury and Hahne 1998): one client alone gets three quarters, two get 43 % each, and
# something is left for one more.
_TIMES_WHAT_IS_LEFT = 3


class Shares:
    """`most` units of something, such as places, and which client has how many. For the event loop's thread.

    `of` names it in the refusal of a client that has its share, `full` is the refusal where none is left.
    """

    def __init__(self, most: int, *, of: str, full: str, retry_after_s: int) -> None:
        self.most, self._of, self._full, self._retry_after_s = most, of, full, retry_after_s
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        return self._taken.total()

    def allows(self, client: str) -> bool:
        """True where this client may take one more, if one is left. Its first it may always take.

        What is done for no client has no share.
        """
        held, left = self._taken[client], self.most - self.taken
        return not client or held == 0 or held + 1 <= _TIMES_WHAT_IS_LEFT * (left - 1)

    def take(self, client: str) -> None:
        """One more for this client. Raises Overloaded."""
        if self.taken >= self.most:
            raise Overloaded(self._full, limit=self.most, retry_after_s=self._retry_after_s)
        if not self.allows(client):
            held = self._taken[client]
            raise Overloaded(
                f"This client has its share of {self._of}, {held} of {self.most}; the rest is for others.",
                limit=held,
                retry_after_s=self._retry_after_s,
            )
        self._taken[client] += 1

    def give_back(self, client: str) -> None:
        self._taken[client] -= 1
        if self._taken[client] == 0:
            del self._taken[client]


def share_alone(most: int) -> int:
    """Units that a client gets where no other has any."""
    shares = Shares(most, of="", full="", retry_after_s=0)
    while shares.taken < most and shares.allows("alone"):
        shares.take("alone")
    return shares.taken
