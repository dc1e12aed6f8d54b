/** MessagePack, as far as a .spr file has it: no extension types. */

import { Cursor, refuse } from "./bytes.js";

const MAX_DEPTH = 16;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A number that was written as a float, so that it is never taken for an integer. */
export class Float {
  constructor(value) {
    this.value = value;
  }
}

/**
 * The one value that bytes hold: null, boolean, number or bigint, Float, string, Uint8Array, Array,
 * Map.
 *
 * @param {Uint8Array} bytes
 */
export function unpack(bytes) {
  const cursor = new Cursor(bytes);
  const value = readValue(cursor, 0);
  cursor.end();
  return value;
}

function readValue(cursor, depth) {
  if (depth > MAX_DEPTH) refuse("values are nested too deeply");
  const code = cursor.byte();
  if (code < 0x80) return code;
  if (code >= 0xe0) return code - 256;
  if (code < 0x90) return readMap(cursor, code & 15, depth);
  if (code < 0xa0) return readArray(cursor, code & 15, depth);
  if (code < 0xc0) return readText(cursor, code & 31);
  switch (code) {
    case 0xc0: return null;
    case 0xc2: return false;
    case 0xc3: return true;
    case 0xc4: case 0xc5: case 0xc6: return cursor.take(unsigned(cursor, 1 << (code - 0xc4)));
    case 0xca: return new Float(view(cursor, 4).getFloat32(0));
    case 0xcb: return new Float(view(cursor, 8).getFloat64(0));
    case 0xcc: case 0xcd: case 0xce: return unsigned(cursor, 1 << (code - 0xcc));
    case 0xcf: return view(cursor, 8).getBigUint64(0);
    case 0xd0: return view(cursor, 1).getInt8(0);
    case 0xd1: return view(cursor, 2).getInt16(0);
    case 0xd2: return view(cursor, 4).getInt32(0);
    case 0xd3: return view(cursor, 8).getBigInt64(0);
    case 0xd9: case 0xda: case 0xdb: return readText(cursor, unsigned(cursor, 1 << (code - 0xd9)));
    case 0xdc: case 0xdd: return readArray(cursor, unsigned(cursor, code === 0xdc ? 2 : 4), depth);
    case 0xde: case 0xdf: return readMap(cursor, unsigned(cursor, code === 0xde ? 2 : 4), depth);
    default: return refuse("a value has an unknown type");
  }
}

function view(cursor, size) {
  const bytes = cursor.take(size);
  return new DataView(bytes.buffer, bytes.byteOffset, size);
}

/** A big-endian number of 1, 2 or 4 bytes. */
function unsigned(cursor, size) {
  return cursor.take(size).reduce((value, byte) => value * 256 + byte, 0);
}

function readText(cursor, size) {
  const bytes = cursor.take(size);
  try {
    return UTF8.decode(bytes);
  } catch {
    return refuse("a text is not UTF-8");
  }
}

function readArray(cursor, count, depth) {
  if (count > cursor.left) refuse("the data ends too early");
  return Array.from({ length: count }, () => readValue(cursor, depth + 1));
}

function readMap(cursor, count, depth) {
  if (2 * count > cursor.left) refuse("the data ends too early");
  const map = new Map();
  for (let i = 0; i < count; i++) {
    const key = readValue(cursor, depth + 1);
    map.set(key, readValue(cursor, depth + 1));
  }
  return map;
}

/** An integer as a number; null for anything else, true and floats included. */
export function integer(value) {
  if (typeof value === "bigint") return Number(value);
  return typeof value === "number" ? value : null;
}
