/** Audio of a file, decoded by the browser and played in step with the frames. */

const MOST_SAMPLES = 1 << 27; // of all channels; about half an hour of stereo at 44.1 kHz

/** FFmpeg's names of codecs, and what WebCodecs calls them. */
const CODECS = {
  aac: "mp4a.40.2",
  mp3: "mp3",
  opus: "opus",
  vorbis: "vorbis",
  flac: "flac",
  pcm_alaw: "alaw",
  pcm_mulaw: "ulaw",
};

/** How samples of raw PCM are read: bytes of one, and its value from -1 to 1. */
const PCM = {
  pcm_u8: [1, (view, at) => (view.getUint8(at) - 128) / 128],
  pcm_s16le: [2, (view, at) => view.getInt16(at, true) / 32768],
  pcm_s24le: [3, (view, at) => ((view.getUint16(at, true) | (view.getInt8(at + 2) << 16)) / 8388608)],
  pcm_s32le: [4, (view, at) => view.getInt32(at, true) / 2147483648],
  pcm_f32le: [4, (view, at) => view.getFloat32(at, true)],
};

/**
 * Decode a stream.
 *
 * @param {object} stream from `SprDecoder.audio`
 * @param {number} startTime of the video, in seconds of the stream's clock
 * @returns {Promise<{buffer: AudioBuffer, offset: number} | null>} the samples, and when the first
 *   is heard, in seconds of the video; null where the browser cannot decode it
 */
export async function decodeAudio(stream, startTime) {
  const { codec, sampleRate, channels, pts, duration, timeBase } = stream;
  const seconds = (ticks) => (Number(ticks) * timeBase[0]) / timeBase[1];
  if (!stream.packets.length || sampleRate < 3000 || sampleRate > 768000 || channels > 32) return null;
  const span = seconds(pts.at(-1) - pts[0] + duration.at(-1)) + 1;
  if (!(span > 0 && span * sampleRate * channels <= MOST_SAMPLES)) return null;
  try {
    const pieces = codec in PCM ? readPcm(stream) : await decodePackets(stream, seconds);
    const buffer = join(pieces, sampleRate, channels);
    return buffer && { buffer, offset: seconds(pts[0]) - startTime };
  } catch {
    return null; // it is played without sound
  }
}

function readPcm({ codec, channels, packets }) {
  const [bytes, read] = PCM[codec];
  return packets.map((packet) => {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const count = Math.floor(packet.byteLength / (bytes * channels));
    return Array.from({ length: channels }, (_, channel) =>
      Float32Array.from({ length: count }, (_, i) => read(view, (i * channels + channel) * bytes)),
    );
  });
}

async function decodePackets(stream, seconds) {
  const { codec, sampleRate, channels: numberOfChannels, packets, pts, duration } = stream;
  const config = { codec: CODECS[codec], sampleRate, numberOfChannels };
  if (!config.codec || typeof AudioDecoder === "undefined") throw new Error("unknown codec");
  if (stream.description.length) config.description = description(stream);
  if (!(await AudioDecoder.isConfigSupported(config)).supported) throw new Error("unknown codec");
  const pieces = [];
  let failed = null;
  const decoder = new AudioDecoder({
    output(data) {
      pieces.push(
        Array.from({ length: data.numberOfChannels }, (_, planeIndex) => {
          const samples = new Float32Array(data.numberOfFrames);
          data.copyTo(samples, { planeIndex, format: "f32-planar" });
          return samples;
        }),
      );
      data.close();
    },
    error(error) {
      failed = error;
    },
  });
  decoder.configure(config);
  packets.forEach((data, i) => {
    const [timestamp, length] = [pts[i], duration[i]].map((t) => Math.round(1e6 * seconds(t)));
    decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, duration: length, data }));
  });
  await decoder.flush();
  decoder.close();
  if (failed) throw failed;
  return pieces;
}

/** The codec's set-up as WebCodecs wants it: that of FLAC with the start of a file around it. */
function description({ codec, description: bytes }) {
  if (codec !== "flac" || bytes.length !== 34) return bytes;
  const whole = new Uint8Array(8 + bytes.length);
  whole.set([0x66, 0x4c, 0x61, 0x43, 0x80, 0, 0, bytes.length]);
  whole.set(bytes, 8);
  return whole;
}

function join(pieces, sampleRate, channels) {
  const length = pieces.reduce((sum, piece) => sum + piece[0].length, 0);
  if (!length || length * channels > MOST_SAMPLES) return null;
  const buffer = new AudioBuffer({ length, numberOfChannels: channels, sampleRate });
  let at = 0;
  for (const piece of pieces) {
    piece.slice(0, channels).forEach((samples, i) => buffer.copyToChannel(samples, i, at));
    at += piece[0].length;
  }
  return buffer;
}

/** Plays decoded audio, and is the clock while it does. */
export class Sound {
  #context;
  #gain;
  #node = null;
  #begun = null;

  /** @param {{buffer: AudioBuffer, offset: number}} decoded */
  constructor({ buffer, offset }) {
    this.buffer = buffer;
    this.offset = offset;
    this.#context = new AudioContext();
    this.#gain = this.#context.createGain();
    this.#gain.connect(this.#context.destination);
  }

  set volume(value) {
    this.#gain.gain.value = value;
  }

  /** Whether the browser lets it be heard now; asks for it. */
  async permitted() {
    const given = this.#context.resume().catch(() => {});
    await Promise.race([given, new Promise((done) => setTimeout(done, 300))]);
    return this.#context.state === "running";
  }

  /** Play from a time of the video on. */
  start(time, rate) {
    this.stop();
    const node = this.#context.createBufferSource();
    node.buffer = this.buffer;
    node.playbackRate.value = rate;
    node.connect(this.#gain);
    const at = time - this.offset;
    if (at < this.buffer.duration) {
      node.start(this.#context.currentTime + Math.max(0, -at) / rate, Math.max(0, at));
    }
    this.#node = node;
    this.#begun = { time, rate, at: this.#context.currentTime };
  }

  stop() {
    this.#node?.disconnect();
    this.#node = null;
    this.#begun = null;
  }

  /** The time of the video that is heard now; null where nothing plays. */
  get time() {
    if (!this.#begun || this.#context.state !== "running") return null;
    const { time, rate, at } = this.#begun;
    const latency = this.#context.outputLatency || this.#context.baseLatency || 0;
    return Math.max(time, time + (this.#context.currentTime - at - latency) * rate);
  }

  close() {
    this.stop();
    this.#context.close().catch(() => {});
  }
}
