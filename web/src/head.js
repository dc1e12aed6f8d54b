/** HEAD: sizes, times and claims, and how the source enlarged the screen. */

import { refuse } from "./bytes.js";
import { LIMITS, limit } from "./limits.js";
import { Float, integer, unpack } from "./msgpack.js";

const INT31 = 2 ** 31 - 1;
const UNPRINTABLE = /[\p{C}\p{Z}]/u;

/** Whether a text has nothing that cannot be printed. */
export function isPrintable(text) {
  return !UNPRINTABLE.test(text.replaceAll(" ", ""));
}

/** An integer from `least` to 2^31 - 1. */
export function smallInteger(value, what, least = 1) {
  const number = integer(value);
  if (number === null) refuse(`${what} is not an integer`);
  if (number < least || number > INT31) refuse(`${what} is out of range`);
  return number;
}

/**
 * @param {Uint8Array} payload of the chunk
 * @returns {object} see `Head` in index.d.ts
 */
export function readHead(payload) {
  limit(payload.length, LIMITS.head, "the head has too many bytes");
  const fields = unpack(payload);
  if (!Array.isArray(fields) || fields.length < 10 || fields.length > 11) {
    refuse("the head is not an array of 10 or 11 values");
  }
  const names = ["width", "height", "frames", "tick", "ticks", "rate", "of"];
  const [width, height, frames, tick, ticks, rate, of] = names.map((name, i) =>
    smallInteger(fields[i], `${name} in the head`),
  );
  checkSize(width, height, "the screen");
  limit(frames, LIMITS.frames, "there are too many frames");
  const [psnr, lossless, writer] = fields.slice(7, 10);
  return {
    width,
    height,
    frames,
    timeBase: [tick, ticks],
    frameRate: [rate, of],
    psnr: readPsnr(psnr, lossless),
    lossless,
    writer: readWriter(writer),
    enlargement: fields.length === 11 ? readEnlargement(fields[10], width, height) : null,
  };
}

function checkSize(width, height, what) {
  limit(width, LIMITS.side, `${what} is too wide`);
  limit(height, LIMITS.side, `${what} is too high`);
  limit(width * height, LIMITS.screen, `${what} has too many pixels`);
}

function readPsnr(value, lossless) {
  if (typeof lossless !== "boolean") refuse("whether the file is lossless is neither true nor false");
  if (value === null) return null;
  const psnr = value instanceof Float ? value.value : integer(value);
  if (psnr === null || !(psnr >= -1000 && psnr <= 1000)) refuse("the PSNR is no such number");
  if (lossless) refuse("the file claims to be lossless, and a PSNR as well");
  return psnr;
}

function readWriter(value) {
  if (typeof value !== "string" || !isPrintable(value)) refuse("the writer's name cannot be printed");
  return value;
}

/**
 * How the source's pixels show native ones. `columns` and `rows` have, for each source pixel, the
 * native one that it shows, -1 on the border.
 */
function readEnlargement(value, width, height) {
  if (!Array.isArray(value) || (value.length !== 15 && value.length !== 18)) {
    refuse("the enlargement is not an array of 15 or 18 values");
  }
  const numbers = value.slice(0, 15).map((v) => smallInteger(v, "a number of the enlargement", 0));
  const [kernel, restored, border] = numbers;
  if (kernel > 4) refuse("the enlargement has an unknown kernel");
  if (restored > 1 || border > 0xffffff) refuse("a number of the enlargement is out of range");
  if (kernel > 0 && restored === 0) refuse("only nearest neighbour shows native pixels exactly");
  const [, , , sourceWidth, , , , , , sourceHeight] = numbers;
  if (sourceWidth < 1 || sourceHeight < 1) refuse("the source of the enlargement has no size");
  checkSize(sourceWidth, sourceHeight, "the source of the enlargement");
  const [late, lateRows, facts] = value.length === 18 ? value.slice(15) : [[], [], new Map()];
  checkFacts(facts);
  return {
    kernel,
    restored: restored === 1,
    border,
    width: sourceWidth,
    height: sourceHeight,
    columns: readAxis(numbers.slice(3, 9), late, width),
    rows: readAxis(numbers.slice(9, 15), lateRows, height),
  };
}

function checkFacts(facts) {
  if (!(facts instanceof Map)) refuse("the facts of the enlargement are no map");
  for (const [key, value] of facts) {
    if (typeof key !== "string") refuse("a fact of the enlargement has no name");
    if (typeof value !== "string" && integer(value) === null) {
      refuse("a fact of the enlargement is neither text nor integer");
    }
  }
}

function readAxis([size, left, right, step, phase, unit], late, native) {
  const inner = size - left - right;
  if (inner < 1) refuse("the enlargement leaves no pixels");
  if (!(step >= 1 && step <= unit && phase < unit)) refuse("the enlargement has an impossible step");
  const shown = new Int32Array(size).fill(-1);
  // step, j and phase are below 2^31, 2^16 and 2^31: exact.
  for (let j = 0; j < inner; j++) shown[left + j] = Math.floor((step * j + phase) / unit);
  const last = shown[left + inner - 1];
  if (last !== native - 1) refuse("the enlargement does not end at the last native pixel");
  moveLate(shown.subarray(left, left + inner), late);
  return shown;
}

/** The pixels at the listed places show the native pixel before the one that the rule says. */
function moveLate(shown, late) {
  if (!Array.isArray(late)) refuse("the places of the enlargement are no array");
  const rule = shown.slice();
  let at = 0;
  late.forEach((value, i) => {
    const step = integer(value);
    if (step === null) refuse("a place of the enlargement is not an integer");
    at = i ? at + step : step;
    const first = at > 0 && rule[at] !== rule[at - 1];
    const alone = at + 1 >= rule.length || rule[at + 1] !== rule[at];
    if (!(at >= 0 && at < rule.length) || (i && step < 1) || !first || alone || rule[at] === 0) {
      refuse("a place of the enlargement is impossible");
    }
    shown[at] = rule[at] - 1;
  });
}
