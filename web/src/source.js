/** Where a file's bytes come from: memory, a Blob, or a server that is asked for ranges. */

import { refuse } from "./bytes.js";

const FIRST_BYTES = 1 << 16;

/**
 * @typedef {object} Source
 * @property {number} size in bytes
 * @property {(offset: number, length: number) => Promise<Uint8Array>} read
 */

/**
 * @param {Blob | ArrayBuffer | ArrayBufferView | string | URL} from
 * @returns {Promise<Source>}
 */
export async function openSource(from) {
  if (from instanceof ArrayBuffer) return memory(new Uint8Array(from));
  if (ArrayBuffer.isView(from)) {
    return memory(new Uint8Array(from.buffer, from.byteOffset, from.byteLength));
  }
  if (typeof Blob !== "undefined" && from instanceof Blob) return blob(from);
  return remote(String(from));
}

function memory(bytes) {
  return {
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  };
}

function blob(file) {
  return {
    size: file.size,
    read: async (offset, length) =>
      new Uint8Array(await file.slice(offset, offset + length).arrayBuffer()),
  };
}

/** A file on a server. Its first bytes come with its size; a small file is one request. */
async function remote(url) {
  const answer = await ask(url, 0, FIRST_BYTES);
  const start = new Uint8Array(await answer.arrayBuffer());
  const size = Number(/\/(\d+)$/.exec(answer.headers.get("Content-Range") ?? "")?.[1]);
  if (answer.status !== 206 || size === start.length) return memory(start); // the whole file
  if (!(size > start.length)) {
    return memory(new Uint8Array(await (await fetched(url)).arrayBuffer()));
  }
  let held = { at: 0, bytes: start };
  return {
    size,
    async read(offset, length) {
      for (const { at, bytes } of [held, { at: 0, bytes: start }]) {
        if (offset >= at && offset + length <= at + bytes.length) {
          return bytes.subarray(offset - at, offset - at + length);
        }
      }
      const part = await ask(url, offset, length);
      if (part.status !== 206) refuse("the server stopped sending parts of the file");
      const bytes = new Uint8Array(await part.arrayBuffer());
      if (bytes.length !== length) refuse("the server sent another part of the file");
      held = { at: offset, bytes };
      return bytes;
    },
  };
}

function ask(url, offset, length) {
  return fetched(url, { headers: { Range: `bytes=${offset}-${offset + length - 1}` } });
}

async function fetched(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    return refuse(`the file cannot be fetched: ${error.message}`);
  }
  if (!answer.ok) refuse(`the file cannot be fetched: the server answers ${answer.status}`);
  return answer;
}
