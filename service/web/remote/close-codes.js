/** WebSocket close codes, and what the page does after each. */

/**
 * `key`: asks the person for the service's key, then connects again;
 * `retry`: connects again, later after each failure; `renew`: connects again, as nothing is wrong; `wait`: no place is
 * left, tries again after a while; `stop`: the server would refuse the next session as well.
 * @typedef {{then: "key" | "retry" | "renew" | "wait"} | {then: "stop", words: string}} Reaction
 */

const NOT_UNDERSTOOD = "The server did not understand this page. Reload it.";

/** The connection was lost: no close code was received. */
export const LOST = 1006;

/** @type {ReadonlyMap<number, Reaction>} every code of openapi/asyncapi.yaml, and LOST */
export const REACTIONS = new Map([
  [1000, { then: "retry" }],
  [1001, { then: "retry" }],
  [1002, { then: "stop", words: "This page and the server speak different versions of the protocol. Reload the page." }],
  [1003, { then: "stop", words: NOT_UNDERSTOOD }],
  [LOST, { then: "retry" }],
  [1007, { then: "stop", words: NOT_UNDERSTOOD }],
  [1008, { then: "retry" }],
  [1009, { then: "stop", words: "The camera's frames are larger than this server accepts." }],
  [1011, { then: "retry" }],
  [1013, { then: "wait" }],
  [4401, { then: "key" }],
  [4408, { then: "renew" }],
  [4409, { then: "renew" }],
  [4429, { then: "stop", words: "This page sent more than the server accepts. Reload it." }],
]);
