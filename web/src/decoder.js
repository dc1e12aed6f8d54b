/** A .spr file, opened: any frame, any scene, at once. */

import { Cursor, FormatError, refuse } from "./bytes.js";
import { readAudio } from "./audio.js";
import { readChunks, readPayload } from "./container.js";
import { readHead } from "./head.js";
import { Budget, LIMITS, limit } from "./limits.js";
import { Palette, readPictureList, separate } from "./pictures.js";
import { Renderer } from "./render.js";
import { readSegment, readTimes } from "./segment.js";
import { openSource } from "./source.js";
import { inflate } from "./zstd.js";

const KEPT_SEGMENTS = 3;

/** A decoder of one file. Make it with `SprDecoder.open`. */
export class SprDecoder {
  #source;
  #header;
  #dictionary;
  #kept = new Map();

  /**
   * Open a file. Reads its head, its index and its first segment.
   *
   * @param {Blob | ArrayBuffer | ArrayBufferView | string | URL} from
   * @returns {Promise<SprDecoder>}
   * @throws {FormatError} it is no .spr file, or its start is damaged
   */
  static async open(from) {
    const decoder = new SprDecoder();
    await decoder.#open(await openSource(from));
    return decoder;
  }

  async #open(source) {
    this.#source = source;
    this.size = source.size;
    const { header, chunks, truncated } = await readChunks(source);
    this.#header = header;
    this.chunks = chunks;
    this.truncated = truncated;
    this.head = readHead(await this.#payload(chunks[0]));
    const { width, height, frames, frameRate, enlargement } = this.head;
    this.nativeWidth = width;
    this.nativeHeight = height;
    this.enlarges = enlargement !== null && !enlargement.restored;
    this.width = this.enlarges ? enlargement.width : width;
    this.height = this.enlarges ? enlargement.height : height;
    this.frameRate = frameRate[0] / frameRate[1];
    this.segments = [];
    this.frameCount = 0;
    for (const chunk of chunks.filter(({ kind }) => kind === "SEGM")) {
      await guard(chunk, () => checkFrames(chunk.frames, width * height));
      this.segments.push({ chunk, first: this.frameCount, frames: chunk.frames, times: null });
      this.frameCount += chunk.frames;
    }
    if (truncated ? this.frameCount > frames : this.frameCount !== frames) {
      throw new FormatError(`there are ${this.frameCount} frames instead of ${frames}`, "HEAD", 11);
    }
    this.#dictionary = new Dictionary(chunks, this.frameCount, width * height);
    [this.startTicks] = await this.#times(0);
    this.duration = await this.#findDuration();
  }

  /** The payload of a chunk. */
  async #payload(chunk) {
    return guard(chunk, () => readPayload(this.#source, this.#header, chunk));
  }

  /** From the first frame's time to another, in seconds. */
  #seconds(ticks) {
    const [tick, each] = this.head.timeBase;
    return (Number(ticks - this.startTicks) * tick) / each;
  }

  #budget(chunk) {
    return new Budget(chunk.length, chunk.frames, this.nativeWidth * this.nativeHeight);
  }

  /** The time stamps of a segment, in ticks. */
  async #times(number) {
    const segment = this.segments[number];
    if (!segment.times) {
      const payload = await this.#payload(segment.chunk);
      const read = () => readTimes(payload, segment.frames, this.#budget(segment.chunk));
      segment.times = await guard(segment.chunk, read);
    }
    return segment.times;
  }

  /** From the first frame's time to the end of the last, which is shown as long as a nominal one. */
  async #findDuration() {
    const times = await this.#times(this.segments.length - 1);
    return this.#seconds(times.at(-1)) + 1 / this.frameRate;
  }

  #segmentOf(frame) {
    if (!(Number.isInteger(frame) && frame >= 0 && frame < this.frameCount)) {
      throw new RangeError(`there is no frame ${frame}; there are ${this.frameCount}`);
    }
    return this.segments.findLastIndex(({ first }) => first <= frame);
  }

  /** When a frame is shown, in seconds from the first. */
  async timeOf(frame) {
    const number = this.#segmentOf(frame);
    const times = await this.#times(number);
    return this.#seconds(times[frame - this.segments[number].first]);
  }

  /** Time stamps of all frames, in ticks of the time base. */
  async pts() {
    const all = new BigInt64Array(this.frameCount);
    for (const [i, { first }] of this.segments.entries()) all.set(await this.#times(i), first);
    return all;
  }

  /** The frame that is shown at a time in seconds; the first or last one outside. */
  async frameAt(time) {
    const find = async (low, high, at) => {
      // The last of low <= i < high whose time is not after `time`.
      let [from, until] = [low, high];
      while (until - from > 1) {
        const middle = Math.floor((from + until) / 2);
        if ((await at(middle)) <= time) from = middle;
        else until = middle;
      }
      return from;
    };
    const begins = (i) => this.timeOf(this.segments[i].first);
    const number = await find(0, this.segments.length, begins);
    const { first, frames } = this.segments[number];
    return find(first, first + frames, (i) => this.timeOf(i));
  }

  /** A decoded segment with its renderer. */
  async #segment(number) {
    const kept = this.#kept.get(number);
    if (kept) {
      this.#kept.delete(number);
      this.#kept.set(number, kept);
      return kept;
    }
    const { chunk, frames } = this.segments[number];
    await this.#dictionary.readUntil(chunk, (c) => this.#payload(c));
    const payload = await this.#payload(chunk);
    const { nativeWidth: width, nativeHeight: height } = this;
    const pictures = this.#dictionary.before(chunk);
    const context = { frames, width, height, budget: this.#budget(chunk), ...pictures };
    const segment = await guard(chunk, () => readSegment(payload, context));
    const { sprites, backgrounds } = pictures;
    const renderer = new Renderer(segment, sprites, backgrounds, width, height);
    this.#kept.set(number, renderer);
    if (this.#kept.size > KEPT_SEGMENTS) this.#kept.delete(this.#kept.keys().next().value);
    return renderer;
  }

  /** The renderer of a frame's segment, and the frame's number in it. */
  async locate(frame) {
    const number = this.#segmentOf(frame);
    return { renderer: await this.#segment(number), t: frame - this.segments[number].first, number };
  }

  /**
   * Draw a frame as the source showed it: RGBA, `width` * `height` * 4 bytes.
   *
   * @param {number} frame
   * @param {object} [options]
   * @param {boolean} [options.native] draw native pixels, `nativeWidth` * `nativeHeight`
   * @returns {Promise<Uint8ClampedArray>}
   */
  async frame(frame, { native = false } = {}) {
    const { renderer, t } = await this.locate(frame);
    const screen = new Uint32Array(this.nativeWidth * this.nativeHeight);
    renderer.draw(t, screen);
    const shown = this.enlarges && !native ? this.#enlarge(screen) : screen;
    return new Uint8ClampedArray(shown.buffer);
  }

  #enlarge(screen) {
    const { columns, rows, border } = this.head.enlargement;
    const edge = ((border >> 16) & 255) | (border & 0xff00) | ((border & 255) << 16) | 0xff000000;
    const out = new Uint32Array(this.width * this.height).fill(edge >>> 0);
    let drawn = -1;
    for (let y = 0; y < this.height; y++) {
      const row = rows[y];
      const at = y * this.width;
      if (row < 0) continue;
      if (row === drawn) {
        out.copyWithin(at, at - this.width, at);
        continue;
      }
      for (let x = 0; x < this.width; x++) {
        if (columns[x] >= 0) out[at + x] = screen[row * this.nativeWidth + columns[x]];
      }
      drawn = row;
    }
    return out;
  }

  /** The native pixel that a pixel of the shown frame shows; null on the border. */
  nativePlace(x, y) {
    if (!this.enlarges) return { x, y };
    const { columns, rows } = this.head.enlargement;
    return columns[x] >= 0 && rows[y] >= 0 ? { x: columns[x], y: rows[y] } : null;
  }

  /** What is seen at a pixel of the shown frame. */
  async pick(frame, x, y) {
    const place = this.nativePlace(x, y);
    if (!place) return { kind: "border" };
    const { renderer, t, number } = await this.locate(frame);
    return { ...renderer.pick(t, place.x, place.y), segment: number };
  }

  /** The scene of a segment: sprites, backgrounds, layers, tracks, patches as numbers. */
  async scene(number = 0) {
    if (!this.segments[number]) {
      throw new RangeError(`there is no segment ${number}; there are ${this.segments.length}`);
    }
    const { segment, sprites, backgrounds } = await this.#segment(number);
    const { first } = this.segments[number];
    const { nativeWidth: width, nativeHeight: height } = this;
    return { ...segment, first, width, height, sprites, backgrounds };
  }

  /** All audio streams. */
  async audio() {
    const chunks = this.chunks.filter(({ kind }) => kind === "AUDI");
    const budget = new Budget(total(chunks), 0, 0);
    const streams = [];
    for (const chunk of chunks) {
      const payload = await this.#payload(chunk);
      streams.push(await guard(chunk, () => readAudio(payload, budget)));
    }
    return streams;
  }

  /** The texts about the video. */
  async notes() {
    const texts = [];
    for (const chunk of this.chunks.filter(({ kind }) => kind === "meta")) {
      texts.push(new TextDecoder().decode(await this.#payload(chunk)));
    }
    return texts;
  }

  /** Where the bytes go: sizes by name, which add up to the file's. */
  async breakdown() {
    const sizes = new Map();
    const add = (name, size) => size && sizes.set(name, (sizes.get(name) ?? 0) + size);
    add("header", this.#header.length);
    let rest = this.size - this.#header.length;
    for (const chunk of this.chunks) {
      rest -= chunk.size;
      if (chunk.kind !== "SEGM") {
        add(CHUNK_NAMES[chunk.kind] ?? "other", chunk.size);
        continue;
      }
      add("framing", chunk.size - chunk.length);
      const payload = new Cursor(await this.#payload(chunk));
      for (const name of SECTION_NAMES) {
        const start = payload.at;
        if (payload.left) payload.take(payload.varint());
        add(name, payload.at - start);
      }
    }
    add(this.truncated ? "other" : "index", rest);
    return sizes;
  }

  /**
   * Check every checksum and number of the file.
   *
   * @throws {FormatError} something is damaged, or the file was cut short
   */
  async verify() {
    if (this.truncated) throw new FormatError("the file was cut short");
    let last = null;
    for (const [i, { chunk }] of this.segments.entries()) {
      const { segment } = await this.#segment(i);
      if (last !== null && segment.pts[0] <= last) {
        throw new FormatError("time stamps do not increase", chunk.kind, chunk.offset);
      }
      last = segment.pts.at(-1);
    }
    await this.#dictionary.readUntil(null, (chunk) => this.#payload(chunk));
    await this.audio();
    for (const chunk of this.chunks) await this.#payload(chunk);
  }
}

const CHUNK_NAMES = {
  HEAD: "header",
  DICT: "dictionary",
  TEXT: "background",
  AUDI: "audio",
};
const SECTION_NAMES = ["timing", "pan", "tracks", "residual", "recolouring"];

const total = (chunks) => chunks.reduce((sum, { length }) => sum + length, 0);

/** Do something with a chunk, so that an error names it. */
async function guard({ kind, offset }, work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FormatError && error.chunk === undefined) {
      throw new FormatError(error.message, kind, offset);
    }
    if (error instanceof RangeError) {
      throw new FormatError("there is not enough memory for it", kind, offset);
    }
    throw error;
  }
}

function checkFrames(frames, area) {
  limit(frames, LIMITS.segmentFrames, "a segment has too many frames");
  limit(frames * area, LIMITS.segmentPixels, "a segment has too many pixels");
}

/** Sprites and backgrounds of a file, read as far as they are needed. */
class Dictionary {
  #read = 0;
  #palette = new Palette();
  #sprites = [];
  #backgrounds = [];
  #marks = new Map(); // how much of each there was at a segment

  constructor(chunks, frames, area) {
    this.chunks = chunks;
    const own = chunks.filter(({ kind }) => kind === "DICT" || kind === "TEXT");
    this.budget = new Budget(total(own), frames, area);
  }

  /** Read what lies before a chunk; all where it is null. */
  async readUntil(until, payloadOf) {
    while (this.#read < this.chunks.length && !(until && this.#marks.has(until))) {
      const chunk = this.chunks[this.#read];
      if (chunk.kind === "DICT" || chunk.kind === "TEXT") {
        const payload = await payloadOf(chunk);
        await guard(chunk, () => this.#add(chunk, payload));
      } else if (chunk.kind === "SEGM") {
        const counts = [this.#palette.colours, this.#sprites, this.#backgrounds];
        this.#marks.set(chunk, counts.map(({ length }) => length));
      }
      this.#read++;
    }
  }

  #add({ kind }, payload) {
    const cursor = new Cursor(inflate(payload, this.budget));
    const found = readPictureList(cursor, this.#palette, this.budget, LIMITS.picturePixels);
    cursor.end();
    const list = kind === "DICT" ? this.#sprites : this.#backgrounds;
    for (const picture of separate(found)) list.push(picture);
  }

  /** What a segment may use. */
  before(chunk) {
    const [colours, sprites, backgrounds] = this.#marks.get(chunk);
    return {
      palette: this.#palette.branch(colours),
      sprites: this.#sprites.slice(0, sprites),
      backgrounds: this.#backgrounds.slice(0, backgrounds),
    };
  }
}
