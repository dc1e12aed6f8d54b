/** Decode .spr files and play them. */

/** A file that is damaged, cut short, or asks for too much. Its message is one sentence. */
export class FormatError extends Error {
  /** Kind of the chunk, for example "SEGM". */
  readonly chunk?: string;
  /** Of the chunk in the file. */
  readonly offset?: number;
}

export type Source = Blob | ArrayBuffer | ArrayBufferView | string | URL;

/** One pixel a number: red + 2^8 green + 2^16 blue + 2^24 alpha, straight. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Row by row. `new Uint8ClampedArray(pixels.buffer)` is the data of an ImageData. */
  readonly pixels: Uint32Array;
  readonly opaque: boolean;
}

export interface Enlargement {
  /** 0 nearest neighbour, 1 area, 2 bilinear, 3 bicubic, 4 Lanczos. */
  readonly kernel: number;
  /** Whether native frames were estimated from a lossy recording; they are shown as they are. */
  readonly restored: boolean;
  /** 65536 red + 256 green + blue. */
  readonly border: number;
  readonly width: number;
  readonly height: number;
  /** For each column of the source the native one that it shows; -1 on the border. */
  readonly columns: Int32Array;
  readonly rows: Int32Array;
}

export interface Head {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** Seconds per tick, as numerator and denominator. */
  readonly timeBase: readonly [number, number];
  /** Frames per second, as numerator and denominator. */
  readonly frameRate: readonly [number, number];
  readonly psnr: number | null;
  readonly lossless: boolean;
  readonly writer: string;
  readonly enlargement: Enlargement | null;
}

export interface Layer {
  /** The pan of each frame: what is at (x, y) of the layer shows at (x - pan x, y - pan y). */
  readonly x: Int32Array;
  readonly y: Int32Array;
  readonly backgrounds: readonly { number: number; x: number; y: number }[];
}

/** Objects through time. Track i has the placements from first[i] to first[i + 1]. */
export interface Tracks {
  readonly start: Int32Array;
  readonly first: Int32Array;
  readonly layer: Int32Array;
  readonly z: Int32Array;
  /** Of each placement, as the next three. */
  readonly sprite: Int32Array;
  readonly x: Int32Array;
  readonly y: Int32Array;
  /** 1 left and right swapped, 2 top and bottom, 3 both. */
  readonly flip: Uint8Array;
}

/** Corrections of the drawn frames. Patch i has the pixels from first[i] to first[i + 1]. */
export interface Patches {
  readonly start: Int32Array;
  readonly length: Int32Array;
  /** The layer that it moves with; -1 where it stands still on the screen. */
  readonly layer: Int32Array;
  readonly x: Int32Array;
  readonly y: Int32Array;
  readonly width: Int32Array;
  readonly height: Int32Array;
  readonly first: Int32Array;
  readonly pixels: Uint32Array;
}

export interface Recolouring {
  /** Of each frame; -1 where it has none. */
  readonly table: Int32Array;
  readonly tableCount: number;
  readonly replaced: Uint32Array;
  /** What colour i becomes in table k is targets[i * tableCount + k]. */
  readonly targets: Uint32Array;
}

/** One segment: a run of frames that can be decoded alone. */
export interface Segment {
  readonly frames: number;
  /** In ticks of the time base. */
  readonly pts: BigInt64Array;
  readonly backdrop: Uint32Array;
  /** From back to front. */
  readonly layers: readonly Layer[];
  readonly tracks: Tracks;
  readonly patches: Patches;
  readonly recolouring: Recolouring | null;
  /** Bytes of the sections. */
  readonly sizes: Readonly<Record<string, number>>;
}

export interface Scene extends Segment {
  /** The number of the segment's first frame. */
  readonly first: number;
  readonly width: number;
  readonly height: number;
  readonly sprites: readonly Picture[];
  readonly backgrounds: readonly Picture[];
}

/** What is seen at a pixel. */
export interface Item {
  readonly kind: "border" | "backdrop" | "background" | "sprite" | "residual";
  readonly segment?: number;
  readonly layer?: number;
  readonly track?: number;
  readonly sprite?: number;
  readonly background?: number;
  readonly patch?: number;
  readonly x?: number;
  readonly y?: number;
  readonly width?: number;
  readonly height?: number;
}

export interface Audio {
  /** FFmpeg's name. */
  readonly codec: string;
  readonly sampleRate: number;
  readonly channels: number;
  readonly layout: string;
  readonly description: Uint8Array;
  readonly timeBase: readonly [number, number];
  readonly pts: BigInt64Array;
  readonly dts: BigInt64Array;
  readonly duration: BigInt64Array;
  readonly packets: readonly Uint8Array[];
}

export interface FrameOptions {
  /** Draw native pixels, before they are enlarged. */
  native?: boolean;
}

interface Facts {
  /** Of the frames as they are shown. */
  readonly width: number;
  readonly height: number;
  readonly nativeWidth: number;
  readonly nativeHeight: number;
  readonly frameCount: number;
  readonly frameRate: number;
  /** In seconds. */
  readonly duration: number;
  /** Of the file, in bytes. */
  readonly size: number;
  /** Whether the file was cut short. */
  readonly truncated: boolean;
  readonly head: Head;
  /** The first frame's time stamp. */
  readonly startTicks: bigint;
}

/** A decoder of one file, in this thread. */
export class SprDecoder implements Facts {
  private constructor();
  /** @throws FormatError */
  static open(from: Source): Promise<SprDecoder>;
  readonly width: number;
  readonly height: number;
  readonly nativeWidth: number;
  readonly nativeHeight: number;
  readonly frameCount: number;
  readonly frameRate: number;
  readonly duration: number;
  readonly size: number;
  readonly truncated: boolean;
  readonly head: Head;
  readonly startTicks: bigint;
  readonly segments: readonly { first: number; frames: number }[];
  /** RGBA, row by row. */
  frame(frame: number, options?: FrameOptions): Promise<Uint8ClampedArray>;
  /** In seconds from the first frame. */
  timeOf(frame: number): Promise<number>;
  /** The frame that is shown at a time in seconds. */
  frameAt(time: number): Promise<number>;
  /** Time stamps of all frames, in ticks. */
  pts(): Promise<BigInt64Array>;
  scene(segment?: number): Promise<Scene>;
  pick(frame: number, x: number, y: number): Promise<Item>;
  audio(): Promise<Audio[]>;
  notes(): Promise<string[]>;
  /** Bytes by what they hold; together they are the file. */
  breakdown(): Promise<Map<string, number>>;
  /** Check everything. @throws FormatError */
  verify(): Promise<void>;
}

export interface ShownFrame {
  readonly frame: number;
  /** In seconds: when it is shown, and when the next one is. */
  readonly time: number;
  readonly end: number;
  readonly pixels: Uint8ClampedArray;
}

/** A decoder in a worker. */
export class WorkerDecoder implements Facts {
  private constructor();
  /** @throws FormatError */
  static open(from: Source): Promise<WorkerDecoder>;
  readonly width: number;
  readonly height: number;
  readonly nativeWidth: number;
  readonly nativeHeight: number;
  readonly frameCount: number;
  readonly frameRate: number;
  readonly duration: number;
  readonly size: number;
  readonly truncated: boolean;
  readonly head: Head;
  readonly startTicks: bigint;
  readonly segments: readonly { first: number; frames: number }[];
  readonly hasAudio: boolean;
  frame(frame: number, options?: FrameOptions): Promise<ShownFrame>;
  /** The frame that is shown at a time in seconds. */
  at(time: number): Promise<ShownFrame>;
  scene(segment?: number): Promise<Scene>;
  pick(frame: number, x: number, y: number): Promise<Item>;
  audio(): Promise<Audio[]>;
  notes(): Promise<string[]>;
  breakdown(): Promise<Map<string, number>>;
  verify(): Promise<void>;
  /** End the worker. */
  close(): void;
}

/** Start workers in another way than from `worker-entry.js` beside the module. */
export function useWorker(start: () => Worker): void;

/** `<spr-video>`: what HTMLMediaElement has, and frames. */
export class SprVideoElement extends HTMLElement {
  src: string;
  /** Played instead of `src`. */
  srcObject: Blob | ArrayBuffer | null;
  readonly currentSrc: string;
  currentTime: number;
  readonly duration: number;
  readonly paused: boolean;
  readonly ended: boolean;
  readonly seeking: boolean;
  autoplay: boolean;
  loop: boolean;
  muted: boolean;
  defaultMuted: boolean;
  controls: boolean;
  playsInline: boolean;
  volume: number;
  playbackRate: number;
  defaultPlaybackRate: number;
  poster: string;
  preload: string;
  /** "integer": pixels are enlarged by a whole factor. "fit": by any. */
  scaling: "integer" | "fit";
  readonly error: { readonly code: number; readonly message: string } | null;
  readonly networkState: number;
  readonly readyState: number;
  readonly videoWidth: number;
  readonly videoHeight: number;
  readonly buffered: Pick<TimeRanges, "length" | "start" | "end">;
  readonly seekable: Pick<TimeRanges, "length" | "start" | "end">;
  readonly played: Pick<TimeRanges, "length" | "start" | "end">;
  load(): void;
  play(): Promise<void>;
  pause(): void;
  fastSeek(time: number): void;
  canPlayType(type: string): "" | "maybe";
  requestVideoFrameCallback(
    callback: (
      now: number,
      facts: { mediaTime: number; presentedFrames: number; width: number; height: number },
    ) => void,
  ): number;
  cancelVideoFrameCallback(number: number): void;

  /** The number of the frame that is seen; setting it seeks to exactly that one. */
  frame: number;
  readonly frameCount: number;
  readonly frameRate: number;
  /** Whether there is sound that this browser can decode. */
  readonly hasSound: boolean;
  /** null before metadata. */
  readonly decoder: WorkerDecoder | null;
  /** The scene of a segment; without a number, of the one that is seen. */
  scene(segment?: number): Promise<Scene>;

  addEventListener(
    type: "frame",
    listener: (event: CustomEvent<{ frame: number; time: number }>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** Make the element known, as `spr-video` or under another name. */
export function defineSprVideo(name?: string): void;
