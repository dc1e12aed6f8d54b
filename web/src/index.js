/** Decode .spr files and play them: the whole public surface. */

export { FormatError } from "./bytes.js";
export { WorkerDecoder, useWorker } from "./client.js";
export { SprDecoder } from "./decoder.js";
export { SprVideoElement, defineSprVideo } from "./element.js";
