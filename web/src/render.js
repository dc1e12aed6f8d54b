/** Drawing a frame of a segment, with integers only. */

/** What `owner` of a pixel says: which kind of thing was drawn there last. */
export const KINDS = ["backdrop", "background", "sprite", "residual"];

const BLOCK = 256; // patches that are skipped together

/** Draws any frame of one segment. */
export class Renderer {
  /**
   * @param {object} segment from `readSegment`
   * @param {Picture[]} sprites
   * @param {Picture[]} backgrounds
   * @param {number} width of the screen
   * @param {number} height of the screen
   */
  constructor(segment, sprites, backgrounds, width, height) {
    this.segment = segment;
    this.sprites = sprites;
    this.backgrounds = backgrounds;
    this.width = width;
    this.height = height;
    this.#orderPlacements();
    this.#groupPatches();
  }

  /** Where the placements of each frame are, layer after layer, in drawing order. */
  #orderPlacements() {
    const { tracks, frames } = this.segment;
    const count = tracks.start.length;
    const order = Uint32Array.from({ length: count }, (_, i) => i).sort(
      (a, b) => tracks.layer[a] - tracks.layer[b] || tracks.z[a] - tracks.z[b] || a - b,
    );
    const from = new Int32Array(frames + 2);
    for (let i = 0; i < count; i++) {
      const length = tracks.first[i + 1] - tracks.first[i];
      for (let t = tracks.start[i]; t < tracks.start[i] + length; t++) from[t + 2]++;
    }
    for (let t = 0; t < frames; t++) from[t + 2] += from[t + 1];
    const placed = new Int32Array(tracks.sprite.length);
    const owner = new Int32Array(tracks.sprite.length);
    for (const i of order) {
      for (let k = tracks.first[i]; k < tracks.first[i + 1]; k++) {
        const at = from[tracks.start[i] + k - tracks.first[i] + 1]++;
        placed[at] = k;
        owner[at] = i;
      }
    }
    this.placements = { from, placed, owner };
  }

  #groupPatches() {
    const { start, length } = this.segment.patches;
    const ends = new Int32Array(Math.ceil(start.length / BLOCK));
    for (let i = 0; i < start.length; i++) {
      const block = Math.floor(i / BLOCK);
      ends[block] = Math.max(ends[block], start[i] + length[i]);
    }
    this.patchEnds = ends;
  }

  /**
   * All that is drawn in frame t, from back to front, but for the backdrop.
   *
   * @param {number} t
   * @param {(item: object) => void} visit with kind, picture, x, y, flip, and what it belongs to
   */
  visit(t, visit) {
    const { layers, tracks } = this.segment;
    const { from, placed, owner } = this.placements;
    let k = from[t];
    layers.forEach((layer, number) => {
      const { [t]: panX } = layer.x;
      const { [t]: panY } = layer.y;
      for (const { number: background, x, y } of layer.backgrounds) {
        const picture = this.backgrounds[background];
        visit({ kind: 1, picture, x: x - panX, y: y - panY, flip: 0, layer: number, background });
      }
      for (; k < from[t + 1] && tracks.layer[owner[k]] === number; k++) {
        const place = placed[k];
        const sprite = tracks.sprite[place];
        visit({
          kind: 2,
          picture: this.sprites[sprite],
          x: tracks.x[place] - panX,
          y: tracks.y[place] - panY,
          flip: tracks.flip[place],
          layer: number,
          track: owner[k],
          sprite,
        });
      }
    });
  }

  /** The residual patches alive in frame t, in their order. */
  visitPatches(t, visit) {
    const { layers, patches } = this.segment;
    const { start, length, first } = patches;
    for (let i = 0; i < start.length; i++) {
      if (i % BLOCK === 0 && this.patchEnds[i / BLOCK] <= t) {
        i += BLOCK - 1;
        continue;
      }
      if (start[i] > t) break; // they are in order of time
      if (start[i] + length[i] <= t) continue;
      const layer = patches.layer[i];
      const moved = (axis) => (layer < 0 ? 0 : layers[layer][axis][t] - layers[layer][axis][start[i]]);
      visit({
        kind: 3,
        picture: {
          width: patches.width[i],
          height: patches.height[i],
          pixels: patches.pixels.subarray(first[i], first[i + 1]),
          opaque: false,
        },
        x: patches.x[i] - moved("x"),
        y: patches.y[i] - moved("y"),
        flip: 0,
        layer,
        patch: i,
      });
    }
  }

  /**
   * Draw frame t.
   *
   * @param {number} t
   * @param {Uint32Array} screen width * height pixels
   */
  draw(t, screen) {
    const { backdrop, recolouring } = this.segment;
    screen.fill(backdrop[t]);
    const draw = (item) => blit(screen, this.width, this.height, item);
    this.visit(t, draw);
    if (recolouring && recolouring.table[t] >= 0) {
      this.recolour ??= new Recolourer(recolouring);
      this.recolour.apply(screen, recolouring.table[t]);
    }
    this.visitPatches(t, draw);
  }

  /** What is seen at a pixel of frame t: the item drawn last that is not clear there. */
  pick(t, x, y) {
    let found = { kind: 0 };
    const look = (item) => {
      if (colourAt(item, x, y) >>> 24) found = item;
    };
    this.visit(t, look);
    this.visitPatches(t, look);
    const { picture, ...rest } = found;
    return { ...rest, kind: KINDS[found.kind], width: picture?.width, height: picture?.height };
  }
}

/** The colour that an item has at a pixel of the screen; 0 outside. */
function colourAt({ picture, x, y, flip }, screenX, screenY) {
  const { width, height, pixels } = picture;
  let column = screenX - x;
  let row = screenY - y;
  if (column < 0 || row < 0 || column >= width || row >= height) return 0;
  if (flip & 1) column = width - 1 - column;
  if (flip & 2) row = height - 1 - row;
  return pixels[row * width + column];
}

/** Draw a picture over the screen, what falls outside left out. */
function blit(screen, screenWidth, screenHeight, { picture, x, y, flip }) {
  const { width, height, pixels, opaque } = picture;
  const left = Math.max(x, 0);
  const right = Math.min(x + width, screenWidth);
  const top = Math.max(y, 0);
  const bottom = Math.min(y + height, screenHeight);
  if (left >= right) return;
  const step = flip & 1 ? -1 : 1;
  const firstColumn = flip & 1 ? width - 1 - (left - x) : left - x;
  for (let row = top; row < bottom; row++) {
    const line = flip & 2 ? height - 1 - (row - y) : row - y;
    let from = line * width + firstColumn;
    let to = row * screenWidth + left;
    if (opaque && step === 1) {
      screen.set(pixels.subarray(from, from + right - left), to);
      continue;
    }
    for (const end = to + right - left; to < end; to++, from += step) {
      const colour = pixels[from];
      const alpha = colour >>> 24;
      if (alpha === 255) screen[to] = colour;
      else if (alpha) screen[to] = blend(colour, alpha, screen[to]);
    }
  }
}

function blend(over, alpha, under) {
  let out = 0xff000000;
  for (let shift = 0; shift < 24; shift += 8) {
    const sum = alpha * ((over >>> shift) & 255) + (255 - alpha) * ((under >>> shift) & 255) + 127;
    out |= Math.floor(sum / 255) << shift;
  }
  return out >>> 0;
}

/** Replaces colours of a whole picture, by a table of hashes. */
class Recolourer {
  constructor({ replaced, targets, tableCount }) {
    let size = 16;
    while (size < 2 * replaced.length) size *= 2;
    this.mask = size - 1;
    this.keys = new Int32Array(size).fill(-1);
    this.places = new Int32Array(size);
    this.targets = targets;
    this.tableCount = tableCount;
    replaced.forEach((colour, i) => {
      let at = this.#hash(colour);
      while (this.keys[at] !== -1) at = (at + 1) & this.mask;
      this.keys[at] = colour;
      this.places[at] = i;
    });
  }

  #hash(colour) {
    return (Math.imul(colour, 0x9e3779b1) >>> 8) & this.mask;
  }

  apply(screen, table) {
    let last = -1;
    let becomes = 0;
    for (let i = 0; i < screen.length; i++) {
      const colour = screen[i] & 0xffffff;
      if (colour !== last) {
        let at = this.#hash(colour);
        while (this.keys[at] !== -1 && this.keys[at] !== colour) at = (at + 1) & this.mask;
        const known = this.keys[at] === colour;
        becomes = known ? this.targets[this.places[at] * this.tableCount + table] : colour;
        last = colour;
      }
      screen[i] = (becomes | 0xff000000) >>> 0;
    }
  }
}
