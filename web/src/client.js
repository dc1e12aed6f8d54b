/** The page's side of a decoder that runs in a worker. */

import { FormatError } from "./bytes.js";

const PATIENCE = 5000; // ms that a worker may compute without listening
const PING = 1000;

let startWorker = () =>
  new Worker(new URL("./worker-entry.js", import.meta.url), { type: "module" });

/** Start workers in another way, for example from one file. @param {() => Worker} start */
export function useWorker(start) {
  startWorker = start;
}

/** `SprDecoder` in a worker of its own: the same calls, all of them promises. */
export class WorkerDecoder {
  #worker;
  #pending = new Map();
  #number = 0;
  #heard = 0;
  #pinging = null;

  /**
   * @param {Blob | ArrayBuffer | ArrayBufferView | string | URL} from
   * @returns {Promise<WorkerDecoder>}
   * @throws {FormatError}
   */
  static async open(from) {
    const decoder = new WorkerDecoder();
    decoder.#start();
    try {
      const url = typeof from === "string" || from instanceof URL;
      // A worker has no page to which an address could be relative.
      const source = url ? String(new URL(from, document.baseURI)) : from;
      Object.assign(decoder, await decoder.#ask("open", source));
    } catch (error) {
      decoder.close();
      throw error;
    }
    return decoder;
  }

  /** A frame by its number: { frame, time, end, pixels }. */
  frame(number, options) {
    return this.#ask("frame", number, options);
  }

  /** The frame that is shown at a time in seconds. */
  at(time) {
    return this.#ask("at", time);
  }

  pick(frame, x, y) {
    return this.#ask("pick", frame, x, y);
  }

  scene(segment) {
    return this.#ask("scene", segment);
  }

  audio() {
    return this.#ask("audio");
  }

  notes() {
    return this.#ask("notes");
  }

  breakdown() {
    return this.#ask("breakdown");
  }

  verify() {
    return this.#ask("verify");
  }

  /** End the worker. What was asked is refused. */
  close() {
    this.#fail(new DOMException("the decoder was closed", "AbortError"));
  }

  #start() {
    this.#worker = startWorker();
    this.#worker.onmessage = ({ data }) => this.#answer(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error(`the decoder cannot be started: ${event.message ?? "no reason given"}`));
    };
  }

  #ask(name, ...values) {
    if (!this.#worker) return Promise.reject(new DOMException("closed", "AbortError"));
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, name, values });
      this.#watch();
    });
  }

  #answer({ id, value, error }) {
    this.#heard = performance.now();
    const asked = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#unwatch();
    if (error) asked?.reject(this.#error(error));
    else asked?.resolve(value);
  }

  #error({ message, kind, chunk, offset }) {
    const error = kind === "FormatError" ? new FormatError(message) : new Error(message);
    return Object.assign(error, { chunk, offset });
  }

  /** End a worker that computes for so long that it hears nothing. */
  #watch() {
    if (this.#pinging !== null) return;
    this.#heard = performance.now();
    let asked = this.#heard;
    this.#pinging = setInterval(() => {
      const now = performance.now();
      // A page that was itself asleep has not listened either.
      if (now - asked > 2 * PING) this.#heard = now;
      asked = now;
      if (now - this.#heard > PATIENCE) {
        this.#fail(new FormatError("decoding takes too long, so it was stopped"));
      } else {
        this.#worker.postMessage({ id: 0, name: "ping" });
      }
    }, PING);
  }

  #unwatch() {
    clearInterval(this.#pinging);
    this.#pinging = null;
  }

  #fail(error) {
    this.#worker?.terminate();
    this.#worker = null;
    this.#unwatch();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
