/** What every parser needs: the one error, a place in bytes, and CRC-32. */

/** A file that is damaged, cut short, or asks for too much. Its message is one sentence. */
export class FormatError extends Error {
  /**
   * @param {string} message
   * @param {string} [chunk] kind of the chunk
   * @param {number} [offset] of the chunk in the file
   */
  constructor(message, chunk, offset) {
    const where = [];
    if (chunk !== undefined) where.push(`chunk ${chunk}`);
    if (offset !== undefined) where.push(`offset ${offset}`);
    super(where.length ? `${message} (${where.join(", ")})` : message);
    this.name = "FormatError";
    this.chunk = chunk;
    this.offset = offset;
  }
}

/** @param {string} message @returns {never} */
export function refuse(message) {
  throw new FormatError(message);
}

/** A place in bytes that moves on as they are read. */
export class Cursor {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get left() {
    return this.bytes.length - this.at;
  }

  byte() {
    if (this.at >= this.bytes.length) refuse("the data ends too early");
    return this.bytes[this.at++];
  }

  /** The next `count` bytes, not copied. */
  take(count) {
    if (!(count <= this.left)) refuse("the data ends too early");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  /**
   * An unsigned integer of 7 bits a byte. Above 2^53 it is rounded, which no limit allows anyway.
   *
   * @param {boolean} [shortest] refuse more bytes than it needs
   */
  varint(shortest = false) {
    let value = 0;
    let scale = 1;
    for (let count = 1; ; count++) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (shortest && count > 1 && byte === 0) refuse("a number is longer than it need be");
        return value;
      }
      if (count === 9) refuse("a number is longer than 9 bytes");
      scale *= 128;
    }
  }

  /** Refuse what is left over. */
  end() {
    if (this.left) refuse("there are bytes left over");
  }
}

const CRC_TABLES = makeCrcTables();

function makeCrcTables() {
  const tables = Array.from({ length: 4 }, () => new Uint32Array(256));
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    tables[0][i] = c;
  }
  for (let k = 1; k < 4; k++) {
    for (let i = 0; i < 256; i++) {
      const c = tables[k - 1][i];
      tables[k][i] = tables[0][c & 255] ^ (c >>> 8);
    }
  }
  return tables;
}

/** CRC-32 as in PNG, of several pieces one after another. */
export function crc32(...pieces) {
  const [t0, t1, t2, t3] = CRC_TABLES;
  let c = 0xffffffff;
  for (const bytes of pieces) {
    let i = 0;
    for (const whole = bytes.length & ~3; i < whole; i += 4) {
      c ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
      c = t3[c & 255] ^ t2[(c >>> 8) & 255] ^ t1[(c >>> 16) & 255] ^ t0[c >>> 24];
    }
    for (; i < bytes.length; i++) c = t0[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  }
  return (c ^ 0xffffffff) >>> 0;
}
