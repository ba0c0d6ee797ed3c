/** The client of fer.v1: one WebSocket; a frame is sent only while it holds a credit, and gets one answer. */

import { address, socketAddress } from "./address.js";
import { LOST, REACTIONS } from "./close-codes.js";
import { Encoder, packed } from "./frame-message.js";
import { fetchWithKey, key, renewKey } from "./key.js";

const PROTOCOL = "fer.v1";
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];
const FULL_RETRY_MS = 8000;
const GRACE_MS = 5000; // added to the server's deadline: without an answer for so long, the connection counts as lost
const CLOSE_MS = 1000; // for the server to close the connection itself

/**
 * @typedef {import("../types.d.ts").CameraFrame} CameraFrame
 * @typedef {import("../types.d.ts").StreamListener} StreamListener
 */

export class Stream {
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  #credits = 0;
  #frameId = 0;
  /** @type {Map<number, CameraFrame>} frames that wait for an answer */
  #sent = new Map();
  #options;
  #failures = 0;
  #created = false;
  #ended = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silenceTimer;
  #patienceMs = 20000;
  #encoder = new Encoder();
  /** @type {string | null} the key of the last handshake */
  #key = null;

  /**
   * @param {StreamListener} listener
   * @param {Record<string, unknown>} options the session's configuration, such as {explain: "gradcam"}
   */
  constructor(listener, options) {
    this.#listener = listener;
    this.#options = options;
    this.#connect();
  }

  get hasCredit() {
    return !this.#ended && this.#credits > 0;
  }

  /** Changes the configuration now and for every later connection. @param {Record<string, unknown>} options */
  update(options) {
    this.#options = { ...this.#options, ...options };
    if (this.#created) this.#sendText({ type: "session.update", ...options });
  }

  /** Sends a frame and keeps it until its answer arrives. @param {CameraFrame} frame */
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
    this.#socket?.send(packed(this.#frameId, frame.capturedAt, jpeg));
    this.#watchSilence();
  }

  /** Tries again now instead of later. */
  wake() {
    if (this.#socket === null && !this.#ended) this.#connect();
  }

  /** Closes the session; the listener hears nothing more. */
  end() {
    this.#ended = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    this.#closeFrames();
    const socket = this.#socket;
    if (socket?.readyState === WebSocket.OPEN) {
      this.#sendText({ type: "session.close" });
      // The server answers session.closed and closes; one that does not is not waited for.
      const timer = setTimeout(() => socket.close(1000), CLOSE_MS);
      socket.addEventListener("close", () => clearTimeout(timer));
    } else {
      socket?.close();
    }
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#created = false;
    this.#key = key();
    // A browser can send a key with a handshake only so; the service answers with the first of the two.
    const protocols = this.#key === null ? [PROTOCOL] : [PROTOCOL, this.#key];
    const socket = new WebSocket(socketAddress("v1/stream"), protocols);
    this.#socket = socket;
    socket.onmessage = (event) => this.#onMessage(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#onClose(event.code, event.reason);
    };
  }

  /** @param {any} message */
  #onMessage(message) {
    if (this.#ended) return;
    if (message.type === "session.created") {
      this.#onCreated(message);
    } else if (message.type === "result" || message.type === "dropped" || message.type === "error") {
      this.#onAnswer(message);
    }
  }

  /** @param {import("../contract.d.ts").SessionCreated} session */
  #onCreated(session) {
    this.#created = true;
    this.#failures = 0;
    this.#credits = session.credits;
    this.#patienceMs = session.limits.deadline_s * 1000 + GRACE_MS;
    this.#sendText({ type: "session.update", ...this.#options });
    this.#listener.onSession(session);
  }

  /** @param {import("../contract.d.ts").StreamResult | import("../contract.d.ts").FrameDropped | import("../contract.d.ts").StreamError} message */
  #onAnswer(message) {
    const frame = this.#sent.get(message.frame_id ?? 0);
    if (frame) {
      this.#sent.delete(message.frame_id ?? 0);
      this.#credits += 1;
      this.#watchSilence();
    }
    if (frame && message.type === "result") {
      this.#listener.onResult(message, frame);
      return;
    }
    frame?.bitmap.close();
    if (message.type === "error") this.#listener.onTrouble("rejected", `${message.title}. ${message.detail}`);
  }

  /** A network that is cut closes nothing: frames without an answer are the only sign. */
  #watchSilence() {
    clearTimeout(this.#silenceTimer);
    if (this.#sent.size > 0) this.#silenceTimer = setTimeout(() => this.#giveUp(), this.#patienceMs);
  }

  #giveUp() {
    const socket = this.#socket;
    this.#onClose(LOST, "");
    socket?.close();
  }

  /** @param {number} code @param {string} reason what the server says of it */
  async #onClose(code, reason) {
    const created = this.#created;
    this.#socket = null;
    this.#created = false;
    this.#credits = 0;
    clearTimeout(this.#silenceTimer);
    this.#closeFrames();
    if (this.#ended) return;
    const reaction = REACTIONS.get(code) ?? { then: "retry" };
    if (reaction.then === "stop") {
      this.#stopAsRefused(reaction.words);
    } else if (reaction.then === "wait") {
      this.#listener.onTrouble("full", reason);
      this.#retry(FULL_RETRY_MS);
    } else if (reaction.then === "key") {
      await this.#askForKey();
    } else if (reaction.then === "renew" && created) {
      this.#retry(BACKOFF_MS[0]);
    } else {
      await this.#retryUnlessRefused(created);
    }
  }

  async #askForKey() {
    const renewed = await renewKey(this.#key);
    if (this.#ended || this.#socket !== null) return;
    if (renewed) this.#connect();
    else this.#stopAsRefused("It needs a key. Start again to give it one.");
  }

  /** Browsers hide why a handshake failed: where the server answers other requests, it has refused this one. @param {boolean} created */
  async #retryUnlessRefused(created) {
    const answers = !created && (await isAnswering());
    if (this.#ended || this.#socket !== null) return;
    // The first time, the server may just have started; the second time, it has refused.
    if (answers && this.#failures > 0) {
      const reason = await refusal();
      if (!this.#ended && this.#socket === null) this.#stopAsRefused(reason);
      return;
    }
    this.#listener.onTrouble("gone", "");
    this.#retry(BACKOFF_MS[Math.min(this.#failures, BACKOFF_MS.length - 1)]);
    this.#failures += 1;
  }

  /** @param {number} delayMs */
  #retry(delayMs) {
    // Up to a quarter more, so that many pages do not all connect at the same moment.
    const spreadMs = delayMs * (1 + Math.random() / 4);
    this.#retryTimer = setTimeout(() => {
      if (!document.hidden) this.wake(); // a hidden page connects when it is in view again
    }, spreadMs);
  }

  /** @param {string} detail */
  #stopAsRefused(detail) {
    this.#ended = true;
    this.#listener.onTrouble("refused", detail);
  }

  #closeFrames() {
    this.#sent.forEach((frame) => frame.bitmap.close());
    this.#sent.clear();
  }

  /** @param {Record<string, unknown>} message */
  #sendText(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

/** Why the server takes no stream from this page: a request meets the same checks as a handshake. */
async function refusal() {
  try {
    const response = await fetchWithKey(address("v1/stream"), { method: "POST" });
    if (response.status === 403) return (await response.json()).detail;
  } catch {
    // The sentence below is true all the same.
  }
  return "It answers, but takes no stream from this page. A proxy on the way may not pass WebSockets.";
}

async function isAnswering() {
  try {
    return (await fetch(address("livez"), { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
