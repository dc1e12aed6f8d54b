/** Section 9 and 10 of the specification: limits, and the budget that a part of a file has. */

import { refuse } from "./bytes.js";

export const LIMITS = {
  payload: 2 ** 31 - 1,
  content: 2 ** 30,
  window: 2 ** 27,
  side: 65535,
  screen: 2 ** 25,
  frames: 2 ** 24,
  segmentFrames: 2 ** 16,
  segmentPixels: 2 ** 32,
  head: 2 ** 20,
  layers: 2 ** 8,
  triples: 2 ** 16,
  tracks: 2 ** 22,
  placements: 2 ** 24,
  patches: 2 ** 24,
  picturePixels: 2 ** 25,
  patchPixels: 2 ** 27,
  replaced: 2 ** 15,
  tableColours: 2 ** 24,
  colours: 2 ** 16,
  distance: 2 ** 30 - 1,
  pictureSide: 2 ** 20,
};

/** Refuse a number that is above a limit. */
export function limit(value, most, what) {
  if (!(value <= most)) {
    refuse(`${what}: ${value.toLocaleString("en")}, more than ${most.toLocaleString("en")}`);
  }
  return value;
}

/** What one part of a file may take before it is refused. Draw on it before you allocate. */
export class Budget {
  /**
   * @param {number} bytes of the part's payloads
   * @param {number} frames that the part makes
   * @param {number} area of the screen, in pixels
   */
  constructor(bytes, frames, area) {
    const shown = frames * area;
    this.left = {
      memory: Math.min(Math.min(2 ** 25, 2 ** 14 * bytes) + 2 ** 8 * bytes + 2 ** 5 * shown, 2 ** 31),
      objects: Math.floor(16 * bytes + shown / 16),
      pixels: 2 ** 12 * bytes + 2 ** 5 * frames * (area + 64),
    };
  }

  memory(bytes) {
    this.#draw("memory", bytes);
  }

  /** Things that are gone through one by one, each of 512 bytes. */
  objects(count) {
    this.#draw("memory", 512 * count);
    this.#draw("objects", count);
  }

  pixels(count) {
    this.#draw("pixels", count);
  }

  #draw(what, amount) {
    this.left[what] -= amount;
    if (!(this.left[what] >= 0)) refuse(`it takes more ${what} than a part of its size may`);
  }
}
