/** Decode .spr files and play them: the whole public surface. */

export { FormatError } from "./bytes.js";
export { SprDecoder } from "./decoder.js";
