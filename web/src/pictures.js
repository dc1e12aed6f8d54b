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
 * Pictures in one array: number i has the pixels from first[i] to first[i + 1].
 *
 * @typedef {{widths: Float64Array, heights: Float64Array, first: Int32Array, pixels: Uint32Array}}
 *   PictureList
 */

/**
 * Read a picture list.
 *
 * @param {Cursor} cursor
 * @param {Palette} palette gets the list's colours
 * @param {Budget} budget
 * @param {number} mostPixels in all pictures together
 * @returns {PictureList}
 */
export function readPictureList(cursor, palette, budget, mostPixels) {
  const count = cursor.varint();
  budget.objects(count);
  const list = { widths: new Float64Array(0), heights: new Float64Array(0) };
  if (count > 0) {
    list.widths = readNumbers(cursor, budget, count);
    list.heights = readNumbers(cursor, budget, count);
  }
  list.first = new Int32Array(count + 1);
  let total = 0;
  for (let i = 0; i < count; i++) {
    for (const side of [list.widths[i], list.heights[i]]) {
      if (!(side >= 1 && side <= LIMITS.pictureSide)) refuse("a picture has an impossible size");
    }
    total += list.widths[i] * list.heights[i];
    limit(total, mostPixels, "the pictures have too many pixels");
    list.first[i + 1] = total;
  }
  list.pixels = new Uint32Array(0);
  if (count === 0) return list;
  budget.memory(12 * total);
  const layout = cursor.byte();
  if (layout > 3) refuse("the pictures have an unknown layout");
  const side = layout === 2 ? cursor.byte() : 0;
  if (layout === 2 && ![8, 16, 32].includes(side)) refuse("the tiles have an unknown size");
  if (layout !== 3) palette.read(cursor, budget);
  if (layout < 2) list.pixels = palette.look(readNumbers(cursor, budget, total));
  if (layout === 1) list.pixels = turned(list);
  if (layout === 2) list.pixels = readTiles(cursor, palette, budget, list, side);
  if (layout === 3) list.pixels = readDirect(cursor, list);
  return list;
}

/** Pictures by themselves. @param {PictureList} list @returns {Picture[]} */
export function separate({ widths, heights, first, pixels }) {
  return Array.from(widths, (width, i) => {
    const own = pixels.slice(first[i], first[i + 1]);
    return { width, height: heights[i], pixels: own, opaque: own.every((p) => p >>> 24 === 255) };
  });
}

/** Pixels row by row, from column by column. */
function turned({ widths, heights, first, pixels }) {
  const out = new Uint32Array(pixels.length);
  for (let i = 0; i < widths.length; i++) {
    const [width, height] = [widths[i], heights[i]];
    for (let x = 0, at = first[i]; x < width; x++) {
      for (let y = 0; y < height; y++) out[first[i] + y * width + x] = pixels[at++];
    }
  }
  return out;
}

function readTiles(cursor, palette, budget, { widths, heights, first }, side) {
  const across = widths.map((width) => Math.ceil(width / side));
  const places = heights.reduce((n, height, i) => n + across[i] * Math.ceil(height / side), 0);
  const numbers = readNumbers(cursor, budget, places);
  const tiles = readNumbers(cursor, budget);
  const area = side * side;
  const count = tiles.length / area;
  if (!Number.isInteger(count)) refuse("a tile is not complete");
  if (count > places) refuse("there are more tiles than places for them");
  if (numbers.some((n) => !(n >= 0 && n < count))) refuse("a tile does not exist");
  const out = new Float64Array(first.at(-1)); // palette numbers
  let begun = 0; // places of earlier pictures
  for (let i = 0; i < widths.length; i++) {
    const width = widths[i];
    for (let y = 0; y < heights[i]; y++) {
      const row = begun + Math.floor(y / side) * across[i];
      for (let x = 0; x < width; x += side) {
        const from = numbers[row + x / side] * area + (y % side) * side;
        const until = from + Math.min(side, width - x);
        out.set(tiles.subarray(from, until), first[i] + y * width + x);
      }
    }
    begun += across[i] * Math.ceil(heights[i] / side);
  }
  return palette.look(out);
}

function readDirect(cursor, { widths, heights, first }) {
  const total = first.at(-1);
  const out = new Uint32Array(total);
  const bytes = new Uint8Array(out.buffer);
  for (let channel = 0; channel < 4; channel++) {
    const coded = cursor.take(total);
    for (let i = 0; i < widths.length; i++) {
      const width = widths[i];
      let at = first[i];
      for (let y = 0; y < heights[i]; y++) {
        for (let x = 0; x < width; x++, at++) {
          const left = x ? bytes[4 * (at - 1) + channel] : 0;
          const above = y ? bytes[4 * (at - width) + channel] : 0;
          const corner = x && y ? bytes[4 * (at - width - 1) + channel] : 0;
          bytes[4 * at + channel] = coded[at] + left + above - corner;
        }
      }
    }
  }
  return out;
}
