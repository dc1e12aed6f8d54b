/** Picture lists, and the palette that they share. */

import { refuse } from "./bytes.js";
import { LIMITS, limit } from "./limits.js";
import { readNumbers } from "./streams.js";

/**
 * One picture. `pixels` holds RGBA, one pixel a number: red + 2^8 green + 2^16 blue + 2^24 alpha.
 *
 * @typedef {{width: number, height: number, pixels: Uint32Array, opaque: boolean}} Picture
 */

/** The colours of a file, in the order in which its chunks add them. */
export class Palette {
  constructor() {
    this.colours = [0]; // number 0 is clear
  }

  /** A palette that begins with the first colours of this one. */
  branch(count) {
    const palette = new Palette();
    palette.colours = this.colours.slice(0, count);
    return palette;
  }

  /** Add the colours of one stream: all red values, all green, all blue, all alpha. */
  read(cursor, budget) {
    const values = readNumbers(cursor, budget);
    const count = values.length / 4;
    if (!Number.isInteger(count)) refuse("the colours are not complete");
    limit(this.colours.length + count, LIMITS.colours, "there are too many colours");
    if (values.some((v) => v < 0 || v > 255)) refuse("a colour is out of range");
    for (let i = 0; i < count; i++) {
      const [r, g, b, a] = [0, 1, 2, 3].map((channel) => values[channel * count + i]);
      this.colours.push((r | (g << 8) | (b << 16) | (a << 24)) >>> 0);
    }
  }

  /** The colours that a stream of palette numbers names. */
  look(numbers) {
    const { colours } = this;
    const out = new Uint32Array(numbers.length);
    for (let i = 0; i < numbers.length; i++) {
      const number = numbers[i];
      if (!(number >= 0 && number < colours.length)) refuse("a colour is not in the palette");
      out[i] = colours[number];
    }
    return out;
  }
}

/**
 * Read a picture list.
 *
 * @param {Cursor} cursor
 * @param {Palette} palette gets the list's colours
 * @param {Budget} budget
 * @param {number} mostPixels in all pictures together
 * @returns {Picture[]}
 */
export function readPictures(cursor, palette, budget, mostPixels) {
  const count = cursor.varint();
  if (count === 0) return [];
  budget.objects(count);
  const widths = readNumbers(cursor, budget, count);
  const heights = readNumbers(cursor, budget, count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    for (const side of [widths[i], heights[i]]) {
      if (!(side >= 1 && side <= LIMITS.pictureSide)) refuse("a picture has an impossible size");
    }
    total += widths[i] * heights[i];
  }
  limit(total, mostPixels, "the pictures have too many pixels");
  budget.memory(12 * total);
  const layout = cursor.byte();
  if (layout > 3) refuse("the pictures have an unknown layout");
  const side = layout === 2 ? cursor.byte() : 0;
  if (layout === 2 && ![8, 16, 32].includes(side)) refuse("the tiles have an unknown size");
  if (layout !== 3) palette.read(cursor, budget);
  const sizes = Array.from(widths, (width, i) => ({ width, height: heights[i] }));
  if (layout === 2) return readTiles(cursor, palette, budget, sizes, side);
  if (layout === 3) return readDirect(cursor, sizes, total);
  return readRowsOrColumns(cursor, palette, budget, sizes, total, layout === 1);
}

function picture({ width, height }, pixels) {
  return { width, height, pixels, opaque: pixels.every((p) => p >>> 24 === 255) };
}

function readRowsOrColumns(cursor, palette, budget, sizes, total, byColumn) {
  const all = palette.look(readNumbers(cursor, budget, total));
  let at = 0;
  return sizes.map((size) => {
    const { width, height } = size;
    const stored = all.slice(at, (at += width * height));
    if (!byColumn) return picture(size, stored);
    const pixels = new Uint32Array(stored.length);
    for (let x = 0, i = 0; x < width; x++) {
      for (let y = 0; y < height; y++) pixels[y * width + x] = stored[i++];
    }
    return picture(size, pixels);
  });
}

function readTiles(cursor, palette, budget, sizes, side) {
  const across = sizes.map(({ width }) => Math.ceil(width / side));
  const places = sizes.reduce((n, { height }, i) => n + across[i] * Math.ceil(height / side), 0);
  const numbers = readNumbers(cursor, budget, places);
  const tiles = palette.look(readNumbers(cursor, budget));
  const area = side * side;
  const count = tiles.length / area;
  if (!Number.isInteger(count)) refuse("a tile is not complete");
  if (count > places) refuse("there are more tiles than places for them");
  if (numbers.some((n) => !(n >= 0 && n < count))) refuse("a tile does not exist");
  let first = 0;
  return sizes.map((size, i) => {
    const { width, height } = size;
    const pixels = new Uint32Array(width * height);
    for (let y = 0; y < height; y++) {
      const row = first + Math.floor(y / side) * across[i];
      for (let x = 0; x < width; x += side) {
        const from = numbers[row + x / side] * area + (y % side) * side;
        pixels.set(tiles.subarray(from, from + Math.min(side, width - x)), y * width + x);
      }
    }
    first += across[i] * Math.ceil(height / side);
    return picture(size, pixels);
  });
}

function readDirect(cursor, sizes, total) {
  const channels = [0, 1, 2, 3].map(() => cursor.take(total));
  let at = 0;
  return sizes.map((size) => {
    const { width, height } = size;
    const pixels = new Uint32Array(width * height);
    const bytes = new Uint8Array(pixels.buffer);
    channels.forEach((coded, channel) => {
      for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
          const left = x ? bytes[4 * (i - 1) + channel] : 0;
          const above = y ? bytes[4 * (i - width) + channel] : 0;
          const corner = x && y ? bytes[4 * (i - width - 1) + channel] : 0;
          bytes[4 * i + channel] = coded[at + i] + left + above - corner;
        }
      }
    });
    at += width * height;
    return picture(size, pixels);
  });
}
