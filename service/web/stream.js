/** The fer.v1 client: one WebSocket, frames out only while it holds a credit, one answer for each. */

import { address, socketAddress } from "./address.js";
import { LONGEST_SIDE } from "./camera.js";

const PROTOCOL = "fer.v1";
const HEADER_BYTES = 16;
const MAGIC = 0x46455231; // "FER1"
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];
const FULL_RETRY_MS = 8000;
const GRACE_MS = 5000; // over the server's own deadline, before silence counts as gone
const GOODBYE_MS = 1000;
const JPEG_QUALITY = 0.8;

/** Close codes after which asking again would get the same answer. */
const REFUSALS = new Map([
  [1002, "This page and the server speak different versions of the protocol. Reload the page."],
  [1003, "The server did not understand this page. Reload it."],
  [1007, "The server did not understand this page. Reload it."],
  [1009, "The camera's frames are larger than this server takes."],
  [4401, "The server wants a key that this page does not have."],
  [4429, "The server has had too many requests from this address. Wait a while."],
]);
const FULL = 1013;
/** Idle too long, session too long: nothing is wrong, a new session follows. */
const RENEWALS = new Set([4408, 4409]);

/**
 * @typedef {import("./camera.js").Frame} Frame
 * @typedef {object} Listener what a stream tells, this one's and the browser's own
 * @property {(session: object) => void} onSession the server's session.created
 * @property {(result: object, frame: Frame) => void} onResult the frame's bitmap belongs to the listener now
 * @property {(kind: "gone" | "full" | "refused" | "rejected", detail: string) => void} onTrouble
 */

export class Stream {
  #listener;
  #socket = null;
  #credits = 0;
  #frameId = 0;
  /** @type {Map<number, Frame>} frames under way */
  #sent = new Map();
  #options;
  #failures = 0;
  #greeted = false;
  #ended = false;
  #retryTimer = 0;
  #silenceTimer = 0;
  #patienceMs = 20000;
  #encoder = new Encoder();

  /**
   * @param {Listener} listener
   * @param {object} options the session's configuration, such as {explain: "gradcam"}
   */
  constructor(listener, options) {
    this.#listener = listener;
    this.#options = options;
    this.#connect();
  }

  get hasCredit() {
    return !this.#ended && this.#credits > 0;
  }

  /** Changes the configuration now and for every later connection. */
  update(options) {
    this.#options = { ...this.#options, ...options };
    if (this.#greeted) this.#say({ type: "session.update", ...options });
  }

  /** Sends a frame and keeps it until its answer arrives. @param {Frame} frame */
  async send(frame) {
    const jpeg = await this.#encoder.encode(frame.bitmap);
    // While the frame was encoded the connection may have been lost, or the page hidden.
    if (!this.hasCredit || document.hidden) {
      frame.bitmap.close();
      return;
    }
    this.#credits -= 1;
    this.#frameId += 1;
    this.#sent.set(this.#frameId, frame);
    this.#socket.send(packed(this.#frameId, frame.capturedAt, jpeg));
    this.#listen();
  }

  /** Tries again now instead of later. */
  wake() {
    if (this.#socket === null && !this.#ended) this.#connect();
  }

  /** Says goodbye and closes; nothing is reported any more. */
  end() {
    this.#ended = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    this.#forget();
    const socket = this.#socket;
    if (socket?.readyState === WebSocket.OPEN) {
      this.#say({ type: "session.close" });
      // The server closes after its own goodbye; one that does not is not waited for.
      const timer = setTimeout(() => socket.close(1000), GOODBYE_MS);
      socket.addEventListener("close", () => clearTimeout(timer));
    } else {
      socket?.close();
    }
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#greeted = false;
    const socket = new WebSocket(socketAddress("v1/stream"), PROTOCOL);
    this.#socket = socket;
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event.code);
    };
  }

  #hear(message) {
    if (this.#ended) return;
    if (message.type === "session.created") {
      this.#greet(message);
    } else if (message.type === "result" || message.type === "dropped" || message.type === "error") {
      this.#settle(message);
    }
  }

  #greet(session) {
    this.#greeted = true;
    this.#failures = 0;
    this.#credits = session.credits;
    this.#patienceMs = session.limits.deadline_s * 1000 + GRACE_MS;
    this.#say({ type: "session.update", ...this.#options });
    this.#listener.onSession(session);
  }

  #settle(message) {
    const frame = this.#sent.get(message.frame_id);
    if (frame) {
      this.#sent.delete(message.frame_id);
      this.#credits += 1;
      this.#listen();
    }
    if (frame && message.type === "result") {
      this.#listener.onResult(message, frame);
      return;
    }
    frame?.bitmap.close();
    if (message.type === "error") this.#listener.onTrouble("rejected", `${message.title}. ${message.detail}`);
  }

  /** A network that was cut sends no close: frames without an answer are the only sign. */
  #listen() {
    clearTimeout(this.#silenceTimer);
    if (this.#sent.size > 0) this.#silenceTimer = setTimeout(() => this.#abandon(), this.#patienceMs);
  }

  #abandon() {
    const socket = this.#socket;
    this.#lost(1006);
    socket?.close();
  }

  async #lost(code) {
    const greeted = this.#greeted;
    this.#socket = null;
    this.#greeted = false;
    this.#credits = 0;
    clearTimeout(this.#silenceTimer);
    this.#forget();
    if (this.#ended) return;
    if (REFUSALS.has(code)) {
      this.#refused(REFUSALS.get(code));
    } else if (code === FULL) {
      this.#listener.onTrouble("full", "");
      this.#retry(FULL_RETRY_MS);
    } else if (greeted && RENEWALS.has(code)) {
      this.#retry(BACKOFF_MS[0]);
    } else {
      await this.#retryUnlessRefused(greeted);
    }
  }

  /** Browsers hide why a handshake failed; a server that answers otherwise has refused it. */
  async #retryUnlessRefused(greeted) {
    const alive = !greeted && (await isAlive());
    if (this.#ended || this.#socket !== null) return;
    // Once may be a server that has just come back; twice is a decision.
    if (alive && this.#failures > 0) {
      this.#refused("It answers, but takes no stream from this page. A proxy on the way may not pass WebSockets.");
      return;
    }
    this.#listener.onTrouble("gone", "");
    this.#retry(BACKOFF_MS[Math.min(this.#failures, BACKOFF_MS.length - 1)]);
    this.#failures += 1;
  }

  #retry(delayMs) {
    // Up to a quarter more, so that many pages do not all come back in the same moment.
    const spreadMs = delayMs * (1 + Math.random() / 4);
    this.#retryTimer = setTimeout(() => {
      if (!document.hidden) this.wake(); // a hidden page is woken when it is seen again
    }, spreadMs);
  }

  #refused(detail) {
    this.#ended = true;
    this.#listener.onTrouble("refused", detail);
  }

  #forget() {
    this.#sent.forEach((frame) => frame.bitmap.close());
    this.#sent.clear();
  }

  #say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

/** Frames as JPEG, at most as large as the server needs them. */
class Encoder {
  #canvas = document.createElement("canvas");

  /** @param {ImageBitmap} bitmap @returns {Promise<ArrayBuffer>} */
  async encode(bitmap) {
    const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
    this.#canvas.width = Math.round(bitmap.width * scale);
    this.#canvas.height = Math.round(bitmap.height * scale);
    this.#canvas.getContext("2d").drawImage(bitmap, 0, 0, this.#canvas.width, this.#canvas.height);
    const file = await new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
    return file.arrayBuffer();
  }
}

/** The frame as one message: the header, big-endian, then the JPEG. */
function packed(frameId, capturedAt, jpeg) {
  const message = new Uint8Array(HEADER_BYTES + jpeg.byteLength);
  const header = new DataView(message.buffer);
  header.setUint32(0, MAGIC);
  header.setUint32(4, frameId);
  header.setFloat64(8, capturedAt);
  message.set(new Uint8Array(jpeg), HEADER_BYTES);
  return message;
}

async function isAlive() {
  try {
    return (await fetch(address("livez"), { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
