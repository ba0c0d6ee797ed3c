/** Why a stream was closed, by WebSocket close code: what the page does then. */

/** Codes after which a new session would be refused again, with the words for the person. */
export const REFUSALS = new Map([
  [1002, "This page and the server speak different versions of the protocol. Reload the page."],
  [1003, "The server did not understand this page. Reload it."],
  [1007, "The server did not understand this page. Reload it."],
  [1009, "The camera's frames are larger than this server takes."],
  [4401, "The server wants a key that this page does not have."],
  [4429, "The server has had too many requests from this address. Wait a while."],
]);

/** No place is left: the page tries again after a while. */
export const FULL = 1013;

/** The session was idle or open for too long: nothing is wrong, a new session follows. */
export const RENEWALS = new Set([4408, 4409]);

/** The connection is gone without a close code of the server's. */
export const LOST = 1006;
