/** SEGM: one run of frames, from its payload to numbers that can be drawn. */

import { Cursor, refuse } from "./bytes.js";
import { LIMITS, limit } from "./limits.js";
import { readPictureList } from "./pictures.js";
import { asNumbers, readNumbers, readStream, runningSums } from "./streams.js";
import { inflate } from "./zstd.js";

const FAR = LIMITS.distance;
const MOST_TIME = 2n ** 62n - 1n;
const SECTIONS = ["timing", "pan", "tracks", "residual", "recolouring"];
const DRAWING = 512; // pixels that drawing anything at all counts as

/**
 * Decode a segment.
 *
 * @param {Uint8Array} payload
 * @param {object} context
 * @param {number} context.frames of the segment
 * @param {number} context.width of the screen
 * @param {number} context.height of the screen
 * @param {Picture[]} context.sprites that it may use
 * @param {Picture[]} context.backgrounds that it may use
 * @param {Palette} context.palette a branch that it may add to
 * @param {Budget} context.budget
 * @returns {object} see `Segment` in index.d.ts
 */
export function readSegment(payload, context) {
  const sections = splitSections(payload, context.budget);
  const sizes = Object.fromEntries(SECTIONS.map((name, i) => [name, sections[i]?.size ?? 0]));
  const [timing, pan, tracks, residual, recolouring] = sections.map((s) => s?.content ?? null);
  const { pts, backdrop } = readTiming(timing, context);
  const layers = readPan(pan, context);
  return {
    frames: context.frames,
    pts,
    backdrop,
    layers,
    tracks: readTracks(tracks, layers, context),
    patches: readResidual(residual, layers, context),
    recolouring: readRecolouring(recolouring, context),
    sizes,
  };
}

/** The time stamps of a segment alone. */
export function readTimes(payload, frames, budget) {
  const cursor = new Cursor(payload);
  const content = inflate(cursor.take(cursor.varint()), budget);
  return readPts(new Cursor(content), frames, budget);
}

function splitSections(payload, budget) {
  const cursor = new Cursor(payload);
  const parts = [];
  while (parts.length < 4 || (parts.length === 4 && cursor.left)) {
    const size = cursor.varint();
    parts.push({ size, frame: cursor.take(size) });
  }
  cursor.end();
  if (parts.length > 4 && !parts[4].size) refuse("a recolouring is empty");
  return parts.map(({ size, frame }) =>
    size ? { size, content: new Cursor(inflate(frame, budget)) } : null,
  );
}

function readPts(cursor, frames, budget) {
  const differences = readStream(cursor, budget, frames);
  const pts = BigInt64Array.from(runningSums(differences), BigInt);
  pts.forEach((time, i) => {
    if (time > MOST_TIME || time < -MOST_TIME) refuse("a time stamp is out of range");
    if (i && time <= pts[i - 1]) refuse("time stamps do not increase");
  });
  return pts;
}

function readTiming(cursor, { frames, budget }) {
  budget.memory(256 * frames);
  if (!cursor) refuse("a segment has no time stamps");
  const pts = readPts(cursor, frames, budget);
  const colours = readNumbers(cursor, budget, frames);
  cursor.end();
  // As the renderer has them: red lowest, and opaque.
  const backdrop = Uint32Array.from(colours, (c) => {
    if (!(c >= 0 && c <= 0xffffff)) refuse("a backdrop is no colour");
    return (((c >> 16) & 255) | (c & 0xff00) | ((c & 255) << 16) | 0xff000000) >>> 0;
  });
  return { pts, backdrop };
}

function readPan(cursor, { frames, width, height, backgrounds, budget }) {
  if (!cursor) refuse("a segment does not say how many layers it has");
  const count = limit(cursor.varint(), LIMITS.layers, "there are too many layers");
  budget.memory(64 * frames * count);
  const layers = [];
  for (let i = 0; i < count; i++) {
    const triples = readNumbers(cursor, budget);
    const parts = triples.length / 3;
    if (!Number.isInteger(parts)) refuse("a background's place is not complete");
    limit(parts, LIMITS.triples, "a layer has too many backgrounds");
    budget.objects(parts);
    const [x, y] = [0, 1].map(() => {
      const pan = asNumbers(runningSums(readStream(cursor, budget, frames)));
      pan.forEach((v) => checkNear(v, "a pan"));
      return Int32Array.from(pan);
    });
    const layer = { x, y, backgrounds: [] };
    for (let k = 0; k < triples.length; k += 3) {
      const [number, left, top] = triples.subarray(k, k + 3);
      if (!(number >= 0 && number < backgrounds.length)) refuse("a background does not exist");
      checkNear(left, "a background");
      checkNear(top, "a background");
      layer.backgrounds.push({ number, x: left, y: top });
      chargeBackground(backgrounds[number], left, top, layer, { width, height, budget });
    }
    layers.push(layer);
  }
  cursor.end();
  return layers;
}

/** Drawing a background counts with what the screen shows of it, frame by frame. */
function chargeBackground(picture, x, y, pan, { width, height, budget }) {
  for (let t = 0; t < pan.x.length; t++) {
    const left = x - pan.x[t];
    const top = y - pan.y[t];
    const across = Math.min(left + picture.width, width) - Math.max(left, 0);
    const down = Math.min(top + picture.height, height) - Math.max(top, 0);
    budget.pixels(DRAWING + Math.max(across, 0) * Math.max(down, 0));
  }
}

function checkNear(value, what) {
  if (!(value >= -FAR && value <= FAR)) refuse(`${what} is too far away`);
}

// --- tracks ------------------------------------------------------------------------------

function readTracks(cursor, layers, context) {
  const { frames, budget, sprites, width, height } = context;
  if (!cursor) return emptyTracks();
  const start = readNumbers(cursor, budget);
  const count = limit(start.length, LIMITS.tracks, "there are too many tracks");
  budget.objects(count);
  const [more, layer, z, back, x, y, flip] = Array.from({ length: 7 }, () =>
    readNumbers(cursor, budget, count),
  );
  const first = new Int32Array(count + 1);
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (!(start[i] >= 0 && more[i] >= 0 && start[i] + more[i] < frames)) {
      refuse("a track lies outside the segment");
    }
    if (!(layer[i] >= 0 && layer[i] < layers.length)) refuse("a track has an unknown layer");
    checkNear(z[i], "a track's depth");
    total += more[i] + 1;
    limit(total, LIMITS.placements, "there are too many placements");
    first[i + 1] = total;
  }
  budget.memory(160 * total);
  const tracks = {
    start: Int32Array.from(start),
    first,
    layer: Int32Array.from(layer),
    z: Int32Array.from(z),
    sprite: new Int32Array(total),
    x: new Int32Array(total),
    y: new Int32Array(total),
    flip: new Uint8Array(total),
  };
  const orders = placementOrders(tracks, frames);
  readFirstSprites(tracks, back, sprites.length);
  readSprites(cursor, tracks, orders, context);
  const anchor = (values, axis) =>
    values.map((v, i) => v + layers[layer[i]][axis][start[i]]);
  readSteps(cursor, tracks, "x", anchor(x, "x"), orders, budget, FAR);
  readSteps(cursor, tracks, "y", anchor(y, "y"), orders, budget, FAR);
  readSteps(cursor, tracks, "flip", flip, orders, budget, 3);
  cursor.end();
  for (const number of tracks.sprite) {
    const { width: w, height: h } = sprites[number];
    budget.pixels(DRAWING + Math.min(w, width) * Math.min(h, height));
  }
  return tracks;
}

function emptyTracks() {
  const none = new Int32Array(0);
  return {
    start: none,
    first: new Int32Array(1),
    layer: none,
    z: none,
    sprite: none,
    x: none,
    y: none,
    flip: new Uint8Array(0),
  };
}

/** Placements after the first of each track, by track (0) and by frame (1). */
function placementOrders({ start, first }, frames) {
  const count = start.length;
  const later = first[count] - count;
  const byTrack = new Int32Array(later);
  const next = new Int32Array(frames + 1);
  let at = 0;
  for (let i = 0; i < count; i++) {
    for (let k = first[i] + 1; k < first[i + 1]; k++) {
      byTrack[at++] = k;
      next[start[i] + k - first[i] + 1]++;
    }
  }
  for (let t = 0; t < frames; t++) next[t + 1] += next[t];
  const byFrame = new Int32Array(later);
  for (let i = 0; i < count; i++) {
    for (let k = first[i] + 1; k < first[i + 1]; k++) {
      byFrame[next[start[i] + k - first[i]]++] = k;
    }
  }
  return [byTrack, byFrame];
}

function readFirstSprites(tracks, back, sprites) {
  let newest = -1;
  back.forEach((behind, i) => {
    const sprite = newest + 1 - behind;
    if (!(sprite >= 0 && sprite < sprites)) refuse("a sprite is not in the dictionary");
    tracks.sprite[tracks.first[i]] = sprite;
    newest = Math.max(newest, sprite);
  });
}

function readSprites(cursor, tracks, orders, { sprites, budget }) {
  const manner = cursor.byte();
  if (manner > 1) refuse("placements have an unknown order");
  const order = orders[manner];
  const codes = readNumbers(cursor, budget, order.length);
  const spelled = readNumbers(cursor, budget);
  const followers = new Map();
  const { sprite } = tracks;
  let used = 0;
  let sum = 0;
  for (let i = 0; i < order.length; i++) {
    const code = codes[i];
    const previous = sprite[order[i] - 1];
    if (code === 0) {
      sprite[order[i]] = previous;
      continue;
    }
    budget.objects(1);
    if (!followers.has(previous)) followers.set(previous, { list: [], known: new Set() });
    // The list's front is at its end, where it is cheap to move.
    const { list, known } = followers.get(previous);
    let found;
    if (code === -1) {
      if (used >= spelled.length) refuse("a sprite is not spelled out");
      found = spelled[used++];
      if (!(found >= 0 && found < sprites.length)) refuse("a sprite is not in the dictionary");
      if (known.has(found)) refuse("a sprite is spelled out that has followed already");
      known.add(found);
    } else {
      if (!(code > 0 && code <= list.length)) refuse("a sprite follows that never did");
      budget.objects(Math.floor((sum + code) / 256) - Math.floor(sum / 256));
      sum += code;
      [found] = list.splice(list.length - code, 1);
    }
    list.push(found);
    sprite[order[i]] = found;
  }
  if (used < spelled.length) refuse("a sprite is spelled out and never used");
}

/** Places (or flips) of all placements, from those of the first ones and what changes. */
function readSteps(cursor, tracks, name, anchors, orders, budget, most) {
  const code = cursor.byte();
  if (code > 3) refuse("placements have an unknown predictor");
  const order = orders[code & 1];
  const coded = readNumbers(cursor, budget, order.length);
  const change = new Float64Array(tracks.sprite.length);
  for (let i = 0; i < order.length; i++) change[order[i]] = coded[i];
  const values = tracks[name];
  const least = name === "flip" ? 0 : -most;
  const check = (value) => {
    if (value >= least && value <= most) return;
    refuse(name === "flip" ? "a placement has an unknown flip" : "a placement is too far away");
  };
  for (let i = 0; i < tracks.start.length; i++) {
    let value = anchors[i];
    let step = 0;
    check(value);
    values[tracks.first[i]] = value;
    for (let k = tracks.first[i] + 1; k < tracks.first[i + 1]; k++) {
      step = code & 2 ? step + change[k] : change[k];
      value += step;
      check(value);
      values[k] = value;
    }
  }
}

// --- residual and recolouring --------------------------------------------------------------

function readResidual(cursor, layers, { frames, width, height, palette, budget }) {
  if (!cursor) return noPatches();
  const start = asNumbers(runningSums(readStream(cursor, budget)));
  const count = limit(start.length, LIMITS.patches, "there are too many patches");
  const [more, x, y] = [0, 1, 2].map(() => readNumbers(cursor, budget, count));
  const list = readPictureList(cursor, palette, budget, LIMITS.patchPixels);
  const { widths, heights, first, pixels } = list;
  if (widths.length !== count) refuse("there are not as many pictures as patches");
  let long = 0;
  for (let i = 0; i < count; i++) {
    const length = more[i] + 1;
    const inTime = start[i] >= 0 && length >= 1 && start[i] + length <= frames;
    const across = x[i] >= 0 && x[i] + widths[i] <= width;
    const down = y[i] >= 0 && y[i] + heights[i] <= height;
    if (!inTime || !across || !down) refuse("a patch lies outside the segment");
    if (i && start[i] < start[i - 1]) refuse("the patches are not in order of time");
    budget.pixels(length * (DRAWING + widths[i] * heights[i]));
    if (length > 1) long++;
  }
  for (let i = 0; i < pixels.length; i++) {
    const alpha = pixels[i] >>> 24;
    if (alpha !== 0 && alpha !== 255) refuse("a patch is translucent");
  }
  const layer = new Int32Array(count).fill(-1);
  if (cursor.left) {
    const moving = readNumbers(cursor, budget, long);
    for (let i = 0, k = 0; i < count; i++) {
      if (more[i] === 0) continue;
      const number = moving[k++];
      if (!(number >= 0 && number <= layers.length)) refuse("a patch has an unknown layer");
      layer[i] = number - 1;
    }
  }
  cursor.end();
  const whole = (values) => Int32Array.from(values);
  return {
    start: whole(start),
    length: Int32Array.from(more, (v) => v + 1),
    layer,
    x: whole(x),
    y: whole(y),
    width: whole(widths),
    height: whole(heights),
    first,
    pixels,
  };
}

function noPatches() {
  const none = new Int32Array(0);
  return {
    start: none,
    length: none,
    layer: none,
    x: none,
    y: none,
    width: none,
    height: none,
    first: new Int32Array(1),
    pixels: new Uint32Array(0),
  };
}

function readRecolouring(cursor, { frames, width, height, palette, budget }) {
  if (!cursor) return null;
  const gaps = readNumbers(cursor, budget);
  const count = gaps.length;
  if (count < 1) refuse("a recolouring has no runs");
  budget.objects(count);
  const [more, tables] = [0, 1].map(() => readNumbers(cursor, budget, count));
  palette.read(cursor, budget);
  const replaced = palette.look(readNumbers(cursor, budget));
  limit(replaced.length, LIMITS.replaced, "there are too many replaced colours");
  const targets = palette.look(readNumbers(cursor, budget));
  limit(targets.length, LIMITS.tableColours, "there are too many colours in tables");
  cursor.end();
  if (replaced.length < 1) refuse("a recolouring replaces no colour");
  const rgb = replaced.map((colour) => colour & 0xffffff);
  if (new Set(rgb).size !== rgb.length) refuse("a recolouring replaces a colour twice");
  const tableCount = targets.length / rgb.length;
  if (!Number.isInteger(tableCount)) refuse("a table of a recolouring is not complete");
  const table = new Int32Array(frames).fill(-1); // of each frame
  let at = 0;
  for (let i = 0; i < count; i++) {
    const from = at + gaps[i];
    const until = from + more[i] + 1;
    if (!(gaps[i] >= 0 && more[i] >= 0 && until <= frames)) {
      refuse("a recolouring lies outside the segment");
    }
    if (!(tables[i] >= 0 && tables[i] < tableCount)) refuse("a recolouring has an unknown table");
    budget.pixels(4 * width * height * (until - from));
    table.fill(tables[i], from, until);
    at = until;
  }
  return { table, tableCount, replaced: rgb, targets: targets.map((c) => c & 0xffffff) };
}
