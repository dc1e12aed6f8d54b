/**
 * Streams of signed 64-bit integers.
 *
 * A number of JavaScript is exact below 2^53. So a stream is a Float64Array where all its values
 * are smaller, and a BigInt64Array, which is slower, where one is not.
 */

import { refuse } from "./bytes.js";

/** @typedef {Float64Array | BigInt64Array} Values */

const SAFE = Number.MAX_SAFE_INTEGER;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/**
 * Read one stream.
 *
 * @param {Cursor} cursor
 * @param {Budget} budget
 * @param {number} [expected] how many values there must be
 * @returns {Values}
 */
export function readStream(cursor, budget, expected) {
  const mode = cursor.byte();
  if (mode > 3) refuse("a stream has an unknown mode");
  const count = cursor.varint();
  if (expected !== undefined && count !== expected) {
    refuse(`a stream has ${count} values instead of ${expected}`);
  }
  budget.memory(8 * count);
  if (count === 0) return new Float64Array(0);
  if (mode === 0) return readBody(cursor, count);
  if (mode === 1) return runningSums(readBody(cursor, count));
  const parts = cursor.varint();
  if (parts > count) refuse("a stream has more parts than values");
  budget.memory(16 * parts);
  const values = readBody(cursor, parts);
  const lengths = asNumbers(readBody(cursor, parts));
  return mode === 2 ? repeat(values, lengths, count) : scatter(values, lengths, count);
}

/** A stream whose values only matter where they are small. */
export function readNumbers(cursor, budget, expected) {
  return asNumbers(readStream(cursor, budget, expected));
}

/** Values as numbers; those above 2^53 are rounded, and no limit allows them. */
export function asNumbers(values) {
  return values instanceof BigInt64Array ? Float64Array.from(values, Number) : values;
}

function repeat(values, lengths, count) {
  const out = new values.constructor(count);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    const more = lengths[i];
    if (more < 0 || at + more + 1 > count) refuse("a run of a stream has an impossible length");
    out.fill(values[i], at, at + more + 1);
    at += more + 1;
  }
  if (at !== count) refuse("the runs of a stream do not fill it");
  return out;
}

function scatter(values, gaps, count) {
  const out = new values.constructor(count);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    at += gaps[i];
    if (gaps[i] < 0 || at >= count) refuse("a gap of a stream has an impossible length");
    out[at++] = values[i];
  }
  return out;
}

/**
 * Turn differences into values, in place where they are small: the first as it is, then sums.
 *
 * @param {Values} values
 * @returns {Values}
 */
export function runningSums(values) {
  if (values instanceof Float64Array) {
    const out = new Float64Array(values.length);
    let sum = 0;
    let i = 0;
    for (; i < values.length; i++) {
      sum += values[i];
      if (sum > SAFE || sum < -SAFE) break;
      out[i] = sum;
    }
    if (i === values.length) return out;
  }
  const out = new BigInt64Array(values.length);
  let sum = 0n;
  for (let i = 0; i < values.length; i++) {
    sum += BigInt(values[i]);
    if (sum > INT64_MAX || sum < INT64_MIN) refuse("a sum is larger than 64 bits");
    out[i] = sum;
  }
  return out;
}

/** `count` integers, zigzag-coded. */
function readBody(cursor, count) {
  const width = cursor.byte();
  if (![0, 1, 2, 4, 8].includes(width)) refuse("a stream has an unknown width");
  if (width === 0) return readVarints(cursor, count);
  return readPlanes(cursor.take(count * width), count, width);
}

function readVarints(cursor, count) {
  if (count > cursor.left) refuse("the data ends too early");
  const start = cursor.at;
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const coded = cursor.varint();
    if (coded > SAFE) {
      cursor.at = start;
      return readBigVarints(cursor, count);
    }
    out[i] = coded % 2 ? -(coded + 1) / 2 : coded / 2;
  }
  return out;
}

function readBigVarints(cursor, count) {
  const out = new BigInt64Array(count);
  for (let i = 0; i < count; i++) {
    const start = cursor.at;
    cursor.varint();
    let coded = 0n;
    for (let k = cursor.at; k-- > start; ) coded = (coded << 7n) | BigInt(cursor.bytes[k] & 127);
    out[i] = unzigzag(coded);
  }
  return out;
}

function readPlanes(bytes, count, width) {
  const word = (i, plane) => {
    let value = 0;
    for (let k = Math.min(width, plane + 4); k-- > plane; ) {
      value = value * 256 + bytes[k * count + i];
    }
    return value;
  };
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const coded = width === 8 ? word(i, 4) * 2 ** 32 + word(i, 0) : word(i, 0);
    if (coded > SAFE) {
      return BigInt64Array.from({ length: count }, (_, k) =>
        unzigzag((BigInt(word(k, 4)) << 32n) | BigInt(word(k, 0))),
      );
    }
    out[i] = coded % 2 ? -(coded + 1) / 2 : coded / 2;
  }
  return out;
}

function unzigzag(coded) {
  return (coded >> 1n) ^ -(coded & 1n);
}
