/** Decodes in a worker, so that no file can stop the page. */

import { FormatError } from "./bytes.js";
import { SprDecoder } from "./decoder.js";

/** Answer the requests of a `WorkerDecoder`. @param {DedicatedWorkerGlobalScope} scope */
export function serve(scope) {
  const answers = makeAnswers();
  scope.onmessage = async ({ data: { id, name, values } }) => {
    try {
      const value = name === "ping" ? null : await answers[name](...values);
      const moved = value?.pixels?.buffer && value.frame !== undefined ? [value.pixels.buffer] : [];
      scope.postMessage({ id, value }, moved);
    } catch (error) {
      const known = error instanceof FormatError || error instanceof RangeError;
      const message = known ? error.message : `the decoder failed: ${error?.message ?? error}`;
      const { name: kind, chunk, offset } = error ?? {};
      scope.postMessage({ id, error: { message, kind, chunk, offset } });
    }
  };
}

function makeAnswers() {
  let decoder = null;
  const frame = async (number, options) => {
    const pixels = await decoder.frame(number, options);
    const last = number + 1 === decoder.frameCount;
    return {
      frame: number,
      pixels,
      time: await decoder.timeOf(number),
      end: last ? decoder.duration : await decoder.timeOf(number + 1),
    };
  };
  return {
    async open(from) {
      decoder = await SprDecoder.open(from);
      const { width, height, nativeWidth, nativeHeight, frameCount, frameRate, duration } = decoder;
      const { size, truncated, head, segments, chunks } = decoder;
      return {
        width,
        height,
        nativeWidth,
        nativeHeight,
        frameCount,
        frameRate,
        duration,
        size,
        truncated,
        head,
        startTicks: decoder.startTicks,
        segments: segments.map(({ first, frames }) => ({ first, frames })),
        hasAudio: chunks.some(({ kind }) => kind === "AUDI"),
      };
    },
    frame,
    at: async (time) => frame(await decoder.frameAt(time)),
    pick: (number, x, y) => decoder.pick(number, x, y),
    scene: (number) => decoder.scene(number),
    audio: () => decoder.audio(),
    notes: () => decoder.notes(),
    breakdown: () => decoder.breakdown(),
    verify: () => decoder.verify(),
  };
}
