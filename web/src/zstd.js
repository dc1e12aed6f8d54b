/** Compressed frames: zstd without its magic number, every promise of its header checked. */

import { refuse } from "./bytes.js";
import { decompress } from "./fzstd.js";
import { LIMITS, limit } from "./limits.js";

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const MAX_BLOCK = 1 << 17;

/**
 * The content of a compressed frame.
 *
 * @param {Uint8Array} frame the whole frame and nothing else
 * @param {Budget} budget
 * @returns {Uint8Array}
 */
export function inflate(frame, budget) {
  const { start, size, window } = readHeader(frame);
  limit(size, LIMITS.content, "a compressed frame has too many bytes");
  budget.memory(size);
  checkBlocks(frame, start, Math.min(window, MAX_BLOCK));
  const whole = new Uint8Array(MAGIC.length + frame.length);
  whole.set(MAGIC);
  whole.set(frame, MAGIC.length);
  const content = new Uint8Array(size);
  try {
    decompress(whole, content);
  } catch {
    refuse("a compressed frame is damaged");
  }
  const end = frame.length;
  const sum = frame[end - 4] | (frame[end - 3] << 8) | (frame[end - 2] << 16) | (frame[end - 1] << 24);
  if ((xxh64Low(content) ^ sum) !== 0) refuse("a compressed frame does not have its checksum");
  return content;
}

/** Where the blocks start, the size of the content, and the window asked for. */
function readHeader(frame) {
  const byte = (at) => (at < frame.length ? frame[at] : refuse("a compressed frame ends too early"));
  const descriptor = byte(0);
  const single = (descriptor >> 5) & 1;
  const sizeCode = descriptor >> 6;
  if (descriptor & 8) refuse("a compressed frame has an unknown feature");
  if (!(descriptor & 4)) refuse("a compressed frame has no checksum");
  const idBytes = [0, 1, 2, 4][descriptor & 3];
  let at = 1;
  let window = 0;
  if (!single) {
    const code = byte(at++);
    window = 2 ** (10 + (code >> 3)) * (1 + (code & 7) / 8);
  }
  for (let i = 0; i < idBytes; i++) {
    if (byte(at++)) refuse("a compressed frame needs a dictionary");
  }
  if (!single && sizeCode === 0) refuse("a compressed frame does not declare its size");
  const sizeBytes = sizeCode ? 1 << sizeCode : 1;
  let size = sizeCode === 1 ? 256 : 0;
  for (let i = 0; i < sizeBytes; i++) size += byte(at++) * 2 ** (8 * i);
  if (window > Math.max(LIMITS.window, size)) refuse("a compressed frame asks for a larger window");
  return { start: at, size, window: single ? size : window };
}

/** Walk over the blocks: they and the checksum must fill the frame exactly. */
function checkBlocks(frame, start, mostInBlock) {
  let at = start;
  for (let last = 0; !last; ) {
    if (at + 3 > frame.length) refuse("a compressed frame ends too early");
    const head = frame[at] | (frame[at + 1] << 8) | (frame[at + 2] << 16);
    last = head & 1;
    const kind = (head >> 1) & 3;
    const size = head >> 3;
    if (kind === 3 || size > mostInBlock) refuse("a compressed frame is damaged");
    at += 3 + (kind === 1 ? 1 : size);
  }
  if (at + 4 > frame.length) refuse("a compressed frame ends too early");
  if (at + 4 < frame.length) refuse("something follows a compressed frame");
}

// --- XXH64, of which zstd keeps the low 32 bits --------------------------------------------
//
// A number of 64 bits is two of 32: functions return the low half and leave the high one here.
let high = 0;

const P1 = [0x85ebca87, 0x9e3779b1];
const P2 = [0x27d4eb4f, 0xc2b2ae3d];
const P3 = [0x9e3779f9, 0x165667b1];
const P4 = [0xc2b2ae63, 0x85ebca77];
const P5 = [0x165667c5, 0x27d4eb2f];

/** The low 64 bits of a product. */
function multiply(lo, hi, [plo, phi]) {
  const a = lo & 0xffff;
  const b = lo >>> 16;
  const c = plo & 0xffff;
  const d = plo >>> 16;
  const low = a * c;
  const middle = b * c + (low >>> 16);
  const upper = a * d + (middle & 0xffff);
  const carry = b * d + Math.floor(middle / 65536) + Math.floor(upper / 65536);
  high = (carry + Math.imul(lo, phi) + Math.imul(hi, plo)) | 0;
  return ((upper << 16) | (low & 0xffff)) | 0;
}

function add(alo, ahi, blo, bhi) {
  const low = (alo >>> 0) + (blo >>> 0);
  high = (ahi + bhi + (low > 0xffffffff ? 1 : 0)) | 0;
  return low | 0;
}

/** Rotate to the left by 0 < n < 32. */
function rotate(lo, hi, n) {
  high = (hi << n) | (lo >>> (32 - n));
  return (lo << n) | (hi >>> (32 - n));
}

/** One step of an accumulator: acc = rotate(acc + value * P2, 31) * P1. */
function step(acc, lo, hi) {
  let low = multiply(lo, hi, P2);
  low = add(acc[0], acc[1], low, high);
  low = rotate(low, high, 31);
  acc[0] = multiply(low, high, P1);
  acc[1] = high;
}

/** XOR with the value of one step from zero, rotate, multiply and add. */
function mix(hash, lo, hi, turn, factor, summand) {
  let low = rotate(hash[0] ^ lo, hash[1] ^ hi, turn);
  low = multiply(low, high, factor);
  hash[0] = add(low, high, summand[0], summand[1]);
  hash[1] = high;
}

const read32 = (b, at) => b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24);

/** The low 32 bits of XXH64 with seed 0, as a signed integer. */
export function xxh64Low(bytes) {
  const length = bytes.length;
  const hash = [P5[0], P5[1]];
  let at = 0;
  if (length >= 32) {
    let low = add(P1[0], P1[1], P2[0], P2[1]);
    const lanes = [[low, high], [P2[0], P2[1]], [0, 0], [0, 0]];
    low = add(~P1[0], ~P1[1], 1, 0);
    lanes[3] = [low, high];
    for (; at + 32 <= length; at += 32) {
      for (let lane = 0; lane < 4; lane++) {
        step(lanes[lane], read32(bytes, at + 8 * lane), read32(bytes, at + 8 * lane + 4));
      }
    }
    hash[0] = hash[1] = 0;
    [1, 7, 12, 18].forEach((turn, lane) => {
      const turned = rotate(lanes[lane][0], lanes[lane][1], turn);
      hash[0] = add(hash[0], hash[1], turned, high);
      hash[1] = high;
    });
    for (const lane of lanes) {
      const value = [0, 0];
      step(value, lane[0], lane[1]);
      hash[0] = multiply(hash[0] ^ value[0], hash[1] ^ value[1], P1);
      hash[0] = add(hash[0], high, P4[0], P4[1]);
      hash[1] = high;
    }
  }
  hash[0] = add(hash[0], hash[1], length | 0, Math.floor(length / 2 ** 32));
  hash[1] = high;
  return finish(hash, bytes, at);
}

function finish(hash, bytes, start) {
  let at = start;
  for (; at + 8 <= bytes.length; at += 8) {
    const value = [0, 0];
    step(value, read32(bytes, at), read32(bytes, at + 4));
    mix(hash, value[0], value[1], 27, P1, P4);
  }
  if (at + 4 <= bytes.length) {
    const low = multiply(read32(bytes, at), 0, P1);
    mix(hash, low, high, 23, P2, P3);
    at += 4;
  }
  for (; at < bytes.length; at++) {
    const low = multiply(bytes[at], 0, P5);
    mix(hash, low, high, 11, P1, [0, 0]);
  }
  // hash ^= hash >>> 33; hash *= P2; hash ^= hash >>> 29; hash *= P3; hash ^= hash >>> 32
  let low = hash[0] ^ (hash[1] >>> 1);
  low = multiply(low, hash[1], P2);
  const upper = high;
  low ^= (low >>> 29) | (upper << 3);
  low = multiply(low, upper ^ (upper >>> 29), P3);
  return low ^ high;
}
