/** The file and its chunks: signature, lengths, checksums, the index, files that were cut short. */

import { Cursor, FormatError, crc32, refuse } from "./bytes.js";
import { LIMITS, limit } from "./limits.js";

const SIGNATURE = [0x89, 0x53, 0x50, 0x52, 0x0d, 0x0a, 0x1a, 0x0a];
const VERSION = 0;
const DRAFT = 0;
const HEADER = 11;
const FOOTER = 4;
const CRC = 4;
const MAX_CHUNK_HEAD = 4 + 9 + 9;
const CODES = ["", "HEAD", "DICT", "TEXT", "SEGM", "AUDI", "meta"];
const KNOWN = new Set([...CODES.slice(1), "INDX"]);
const TAIL = 1 << 16;

/**
 * A chunk's place. `offset` and `size` are those of the whole chunk, `start` is where its payload
 * begins, `length` the payload's.
 *
 * @typedef {{kind: string, frames: number, offset: number, size: number, start: number,
 *   length: number}} Chunk
 */

/**
 * Find the chunks of a file.
 *
 * @param {Source} source
 * @returns {Promise<{header: Uint8Array, chunks: Chunk[], truncated: boolean}>}
 */
export async function readChunks(source) {
  const header = await source.read(0, Math.min(HEADER, source.size));
  checkHeader(header);
  const indexed = await readIndex(source, header);
  const chunks = indexed ?? (await walk(source, header));
  checkOrder(chunks, indexed === null);
  return { header, chunks, truncated: indexed === null };
}

/** The payload of a chunk, its checksum compared. */
export async function readPayload(source, header, chunk) {
  const bytes = await source.read(chunk.offset, chunk.size);
  const cursor = new Cursor(bytes);
  const found = readChunkHead(cursor);
  const same =
    found.kind === chunk.kind && found.frames === chunk.frames && found.length === chunk.length;
  if (!same || cursor.left !== found.length + CRC) refuse("the chunk is not the one of the index");
  const payload = cursor.take(found.length);
  if (!sumFits(header, bytes)) refuse("the checksum is wrong");
  return payload;
}

function checkHeader(header) {
  if (header.length < SIGNATURE.length || SIGNATURE.some((byte, i) => header[i] !== byte)) {
    throw new FormatError("this is not a .spr file", undefined, 0);
  }
  if (header.length < HEADER) refuse("the file ends in its header");
  const [, lowest, draft] = header.subarray(SIGNATURE.length);
  if (lowest > VERSION) refuse(`the file needs a reader of format version ${lowest}`);
  if (draft !== DRAFT) refuse(`the file has draft ${draft} of the format, not ${DRAFT}`);
}

function readChunkHead(cursor) {
  const letters = cursor.take(4);
  const kind = String.fromCharCode(...letters);
  if (!/^[A-Za-z]{4}$/.test(kind)) refuse("a chunk's kind is not four letters");
  const frames = cursor.varint(true);
  const length = cursor.varint(true);
  limit(length, LIMITS.payload, "a chunk is too long");
  limit(frames, LIMITS.frames, "a chunk has too many frames");
  return { kind, frames, length };
}

function sumFits(header, chunk) {
  const end = chunk.length - CRC;
  const stored = new DataView(chunk.buffer, chunk.byteOffset + end, CRC).getUint32(0, true);
  return crc32(header, chunk.subarray(0, end)) === stored;
}

/** The chunks that the index lists; null where it is missing or damaged. */
async function readIndex(source, header) {
  const near = Math.min(TAIL, source.size - HEADER);
  if (near < FOOTER) return null;
  const tail = await source.read(source.size - near, near);
  const size = new DataView(tail.buffer, tail.byteOffset + near - FOOTER, FOOTER).getUint32(0, true);
  const offset = source.size - FOOTER - size;
  if (offset < HEADER || size < 4 + 1 + 1 + CRC) return null;
  const bytes =
    size + FOOTER <= near
      ? tail.subarray(near - FOOTER - size, near - FOOTER)
      : await source.read(offset, size);
  try {
    const cursor = new Cursor(bytes);
    const { kind, frames, length } = readChunkHead(cursor);
    if (kind !== "INDX" || frames || cursor.left !== length + CRC) return null;
    if (!sumFits(header, bytes)) return null;
    return readEntries(new Cursor(cursor.take(length)), offset);
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
}

function readEntries(cursor, end) {
  const chunks = [];
  let offset = HEADER;
  while (cursor.left) {
    const code = cursor.byte();
    if (code >= CODES.length) refuse("the index has an unknown code");
    const kind = code ? CODES[code] : String.fromCharCode(...cursor.take(4));
    if (!/^[A-Za-z]{4}$/.test(kind)) refuse("a chunk's kind is not four letters");
    const frames = cursor.varint(true);
    const length = cursor.varint(true);
    limit(length, LIMITS.payload, "a chunk is too long");
    const start = offset + 4 + varintSize(frames) + varintSize(length);
    const size = start - offset + length + CRC;
    chunks.push({ kind, frames, offset, size, start, length });
    offset += size;
  }
  if (offset !== end) refuse("the index does not fit the file");
  return chunks;
}

function varintSize(value) {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** The whole chunks of a file that was cut short, up to the first that is not. */
async function walk(source, header) {
  const chunks = [];
  let offset = HEADER;
  while (offset < source.size) {
    try {
      const near = await source.read(offset, Math.min(MAX_CHUNK_HEAD, source.size - offset));
      const cursor = new Cursor(near);
      const { kind, frames, length } = readChunkHead(cursor);
      const size = cursor.at + length + CRC;
      if (offset + size > source.size) break;
      if (!sumFits(header, await source.read(offset, size))) break;
      if (kind !== "INDX") {
        chunks.push({ kind, frames, offset, size, start: offset + cursor.at, length });
      }
      offset += size;
    } catch (error) {
      if (error instanceof FormatError) break;
      throw error;
    }
  }
  return chunks;
}

/** Refuse chunks that must not be there, or not in this place. */
function checkOrder(chunks, truncated) {
  if (!chunks.length || chunks[0].kind !== "HEAD") refuse("the file does not begin with a HEAD");
  for (const { kind, frames, offset } of chunks) {
    const fail = (words) => {
      throw new FormatError(words, kind, offset);
    };
    if (/^[A-Z]/.test(kind) && !KNOWN.has(kind)) fail("a chunk must be understood, and is unknown");
    if (kind === "HEAD" && offset !== chunks[0].offset) fail("there is more than one HEAD");
    if (kind === "INDX") fail("there is an index before the end");
    if (kind !== "SEGM" && frames) fail("a chunk that is no segment has frames");
    if (kind === "SEGM" && !frames) fail("a segment has no frames");
  }
  if (truncated && !chunks.some(({ kind }) => kind === "SEGM")) {
    refuse("the file was cut short before its first frame");
  }
}
