/** The service's key, where it needs one: asked of the person in front of the page, and kept for this tab alone. */

const STORED = "fer-key";

/** @type {string | null} */
let inMemory = null;
/** @type {Promise<boolean> | null} */
let asking = null;
/** @type {(again: boolean) => Promise<string | null>} */
let promptFor = async () => null;

/** What asks the person; `again`: the last key was not the right one. Null: the person gives none. @param {typeof promptFor} how */
export function askWith(how) {
  promptFor = how;
}

/** @returns {string | null} */
export function key() {
  try {
    return sessionStorage.getItem(STORED);
  } catch {
    return inMemory; // a browser may keep nothing for pages
  }
}

/** @returns {Record<string, string>} */
export function keyHeaders() {
  const used = key();
  return used === null ? {} : { Authorization: `Bearer ${used}` };
}

/** Asks for another key than the refused one, unless that has happened meanwhile. False: there is none. @param {string | null} refused */
export async function renewKey(refused) {
  if (key() !== refused) return true;
  asking ??= ask(refused !== null).finally(() => (asking = null));
  return asking;
}

/** @param {boolean} again */
async function ask(again) {
  const given = await promptFor(again);
  if (given === null) return false;
  inMemory = given;
  try {
    sessionStorage.setItem(STORED, given);
  } catch {
    // It stays in memory.
  }
  return true;
}

/** As `fetch`, with the key; where the service wants another, the person is asked. @param {URL} url @param {RequestInit} [init] */
export async function fetchWithKey(url, init = {}) {
  for (;;) {
    const used = key();
    const response = await fetch(url, { ...init, headers: { ...init.headers, ...keyHeaders() } });
    if (response.status !== 401 || !(await renewKey(used))) return response;
  }
}
