/** Addresses of the service, relative to the page: it may live under a path of a larger site. */

/** @param {string} path such as "v1/model" */
export const address = (path) => new URL(path, document.baseURI);

/** @param {string} path such as "v1/stream" */
export function socketAddress(path) {
  const url = address(path);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}
