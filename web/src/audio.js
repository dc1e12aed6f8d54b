/** AUDI: the packets of one audio stream. */

import { Cursor, refuse } from "./bytes.js";
import { isPrintable, smallInteger } from "./head.js";
import { unpack } from "./msgpack.js";
import { asNumbers, readStream, runningSums } from "./streams.js";
import { inflate } from "./zstd.js";

const MOST_TIME = 2n ** 62n - 1n;

/**
 * @param {Uint8Array} payload
 * @param {Budget} budget
 * @returns {object} see `Audio` in index.d.ts
 */
export function readAudio(payload, budget) {
  const cursor = new Cursor(payload);
  const setup = readSetup(unpack(cursor.take(cursor.varint())));
  const timing = new Cursor(inflate(cursor.take(cursor.varint()), budget));
  const pts = runningSums(readStream(timing, budget));
  const count = pts.length;
  budget.objects(count);
  const [behind, duration, sizes] = [0, 1, 2].map(() => readStream(timing, budget, count));
  timing.end();
  const big = (values) => BigInt64Array.from(values, BigInt);
  const shown = big(pts);
  const decoded = big(behind).map((v, i) => checkTime(v + shown[i]));
  shown.forEach(checkTime);
  const length = big(duration);
  length.forEach(checkTime);
  const packets = Array.from(asNumbers(sizes), (size) => {
    if (!(size >= 0)) refuse("an audio packet ends too early");
    return cursor.take(size);
  });
  cursor.end();
  return { ...setup, pts: shown, dts: decoded, duration: length, packets };
}

function checkTime(value) {
  if (value > MOST_TIME || value < -MOST_TIME) refuse("the time of an audio packet is out of range");
  return value;
}

function readSetup(fields) {
  if (!Array.isArray(fields) || fields.length !== 7) refuse("the audio's set-up is damaged");
  const [codec, sampleRate, channels, layout, description, tick, ticks] = fields;
  for (const name of [codec, layout]) {
    if (typeof name !== "string" || !isPrintable(name)) refuse("a name of the audio cannot be printed");
  }
  if (!(description instanceof Uint8Array)) refuse("the audio's set-up is damaged");
  const numbers = [sampleRate, channels, tick, ticks].map((v) => smallInteger(v, "audio's set-up"));
  return {
    codec,
    sampleRate: numbers[0],
    channels: numbers[1],
    layout,
    description,
    timeBase: [numbers[2], numbers[3]],
  };
}
