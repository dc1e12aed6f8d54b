/** `<spr-video>`: a .spr file with the surface of HTMLMediaElement. */

import { WorkerDecoder } from "./client.js";
import { Sound, decodeAudio } from "./sound.js";

const AHEAD = 4; // frames that are decoded before they are due
const TIME_UPDATE = 250; // ms
const IN_VIEW = 0.1; // share of the element that must be seen for it to start by itself
const STYLE = `
:host { display: inline-block; position: relative; overflow: hidden; max-width: 100%;
  vertical-align: bottom; line-height: 0; }
:host([hidden]) { display: none; }
:host(:fullscreen) { background: #000; }
canvas, img { position: absolute; inset: 0; margin: auto; }
img { max-width: 100%; max-height: 100%; image-rendering: pixelated; }
canvas { image-rendering: pixelated; }
[hidden] { display: none; }
`;

const NETWORK = { EMPTY: 0, IDLE: 1, LOADING: 2, NO_SOURCE: 3 };
const READY = { NOTHING: 0, METADATA: 1, CURRENT_DATA: 2, FUTURE_DATA: 3, ENOUGH_DATA: 4 };
const ABORTED = 1;
const NETWORK_ERROR = 2;
const DECODE_ERROR = 3;

/** One range of time, as `buffered` and `seekable` have it. */
class Range {
  constructor(end) {
    this.length = end > 0 ? 1 : 0;
    this.#end = end;
  }

  #end;

  start(index) {
    return this.#check(index, 0);
  }

  end(index) {
    return this.#check(index, this.#end);
  }

  #check(index, value) {
    if (index >= this.length) throw new DOMException("there is no such range", "IndexSizeError");
    return value;
  }
}

const abort = (why) => new DOMException(why, "AbortError");

// Where there are no elements (in a worker, on a server) the module can still be imported.
const Base = globalThis.HTMLElement ?? class {};

/** The element. `frame`, `frameCount`, `scene()` and the event `frame` are its own. */
export class SprVideoElement extends Base {
  static observedAttributes = ["src", "width", "height", "scaling", "poster", "autoplay", "muted"];
  static HAVE_NOTHING = READY.NOTHING;
  static HAVE_METADATA = READY.METADATA;
  static HAVE_CURRENT_DATA = READY.CURRENT_DATA;
  static HAVE_FUTURE_DATA = READY.FUTURE_DATA;
  static HAVE_ENOUGH_DATA = READY.ENOUGH_DATA;
  static NETWORK_EMPTY = NETWORK.EMPTY;
  static NETWORK_IDLE = NETWORK.IDLE;
  static NETWORK_LOADING = NETWORK.LOADING;
  static NETWORK_NO_SOURCE = NETWORK.NO_SOURCE;

  #canvas = document.createElement("canvas");
  #poster = document.createElement("img");
  #size = new CSSStyleSheet();
  #context = this.#canvas.getContext("2d", { alpha: false });
  #decoder = null;
  #load = 0; // number of the current load; an answer to an older one is dropped
  #loadWanted = false;
  #object = null;
  #error = null;
  #networkState = NETWORK.EMPTY;
  #readyState = READY.NOTHING;
  #paused = true;
  #ended = false;
  #playPromises = [];
  #rate = 1;
  #defaultRate = 1;
  #volume = 1;
  #muted = false;
  #sound = null;
  // The clock: media time `#base` at the moment `#since`; it runs while `#since` is not null.
  #base = 0;
  #since = null;
  #shown = null; // the frame that is seen: { frame, time, end }
  #queue = []; // decoded frames, or the promises of them, in order
  #epoch = 0; // raised where what was asked ahead is of no use any more
  #seek = null; // what is being looked for: { time } or { frame }
  #seekRunning = false;
  #animation = null;
  #updated = 0;
  #frameCallbacks = new Map();
  #callbackNumber = 0;
  #presented = 0;
  // By itself: until the user or a script plays or pauses.
  #autoplaying = true;
  #startedByItself = false;
  #inView = false;
  #observer = null;
  #resizer = null;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #heedCalm = () => this.#considerAutoplay();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = new CSSStyleSheet(); // allowed where a page's policy forbids <style>
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style, this.#size];
    this.#canvas.hidden = true;
    this.#canvas.part = "canvas";
    this.#poster.hidden = true;
    this.#poster.alt = "";
    root.append(this.#poster, this.#canvas);
  }

  // --- life in the document ---------------------------------------------------------------

  connectedCallback() {
    for (const name of ["src", "muted", "volume", "currentTime", "playbackRate"]) {
      this.#upgrade(name);
    }
    if (!this.hasAttribute("role")) this.setAttribute("role", "img");
    this.#observer = new IntersectionObserver(
      (entries) => {
        this.#inView = entries.at(-1).isIntersecting;
        this.#considerAutoplay();
      },
      { threshold: [0, IN_VIEW] },
    );
    this.#observer.observe(this);
    this.#resizer = new ResizeObserver(() => this.#fit());
    this.#resizer.observe(this);
    this.#calm.addEventListener("change", this.#heedCalm);
    this.#loadUnlessTold();
  }

  disconnectedCallback() {
    this.#observer?.disconnect();
    this.#resizer?.disconnect();
    this.#calm.removeEventListener("change", this.#heedCalm);
    this.#inView = false;
    // An element that is only moved within the document goes on.
    queueMicrotask(() => {
      if (!this.isConnected) this.#release();
    });
  }

  /** End the worker of an element that was taken away. It loads again where it is put back. */
  #release() {
    const time = this.currentTime;
    const wanted = this.#loadWanted || this.#networkState !== NETWORK.EMPTY;
    this.#load++;
    this.#stop();
    this.#reset();
    this.#loadWanted = wanted;
    if (time > 0) this.#seek = { time };
  }

  /** A property that was set before the element was defined. */
  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  attributeChangedCallback(name, before, now) {
    if (name === "src" && now !== null) {
      this.#object = null;
      this.#loadWanted = true;
      this.#loadUnlessTold();
    } else if (name === "muted" && this.#readyState === READY.NOTHING) {
      this.#muted = now !== null;
    } else if (name === "autoplay") {
      this.#considerAutoplay();
    } else if (name === "poster") {
      this.#showPoster();
    } else if (before !== now) {
      this.#layOut();
    }
  }

  #showPoster() {
    const address = this.getAttribute("poster");
    if (address) this.#poster.src = address;
    this.#poster.hidden = !address || !this.#canvas.hidden;
  }

  /** The size that the element has where the page's style gives none. */
  #layOut() {
    const { videoWidth, videoHeight } = this;
    const given = ["width", "height"].map((name) => parseInt(this.getAttribute(name) ?? "", 10));
    const [width, height] = given.map((v) => (v > 0 ? v : null));
    const ratio = videoWidth ? `aspect-ratio: ${videoWidth} / ${videoHeight};` : "";
    const shownWidth = width ?? (height && videoWidth ? (height * videoWidth) / videoHeight : null);
    const across = shownWidth ?? (videoWidth || 300);
    const down = height && width ? `height: ${height}px;` : "";
    this.#size.replaceSync(`:host { width: ${across}px; ${down || ratio} }`);
    this.#fit();
  }

  /** The canvas in the element: enlarged by a whole factor where there is room. */
  #fit() {
    const { videoWidth, videoHeight } = this;
    if (!videoWidth || !this.#shown) return;
    const box = { width: this.clientWidth, height: this.clientHeight };
    const pixel = 1 / (globalThis.devicePixelRatio || 1);
    const exact = Math.min(box.width / videoWidth, box.height / videoHeight);
    const whole = Math.floor(exact / pixel + 1e-6) * pixel;
    const factor = this.scaling === "fit" || whole <= 0 ? exact : whole;
    this.#canvas.style.width = `${videoWidth * factor}px`;
    this.#canvas.style.height = `${videoHeight * factor}px`;
    this.#canvas.style.imageRendering = factor < pixel ? "auto" : "pixelated";
  }

  // --- loading ----------------------------------------------------------------------------

  /** Load what is wanted, but not before it is played where `preload` is "none". */
  #loadUnlessTold() {
    const waits = this.preload === "none" && !this.autoplay;
    if (this.#loadWanted && this.isConnected && !waits) this.load();
  }

  /** Load the source, from the beginning. */
  load() {
    const load = ++this.#load;
    const source = this.#object ?? this.getAttribute("src");
    const seek = this.#loadWanted ? this.#seek : null;
    this.#stop();
    this.#reset();
    this.#loadWanted = false;
    this.#seek = seek;
    if (source === null || source === "") {
      if (source === "") this.#fail(new Error("the element's src is empty"), load);
      return;
    }
    this.#networkState = NETWORK.LOADING;
    this.#fire("loadstart");
    this.#open(source, load);
  }

  /** Forget the file. The last picture stays until there is another. */
  #reset() {
    if (this.#networkState !== NETWORK.EMPTY) this.#fire("abort", "emptied");
    this.#settlePlay(abort("another source was loaded"));
    this.#decoder?.close();
    this.#decoder = null;
    this.#sound?.close();
    this.#sound = null;
    this.#error = null;
    this.#networkState = NETWORK.EMPTY;
    this.#readyState = READY.NOTHING;
    this.#ended = false;
    this.#seek = null;
    this.#base = 0;
    this.#since = null;
    this.#shown = null;
    this.#forgetAhead();
    this.#autoplaying = true;
    this.#startedByItself = false;
    this.#paused = true;
    this.#rate = this.#defaultRate;
    if (this.hasAttribute("muted")) this.#muted = true;
  }

  async #open(source, load) {
    try {
      const decoder = await WorkerDecoder.open(source);
      if (load !== this.#load) {
        decoder.close();
        return;
      }
      this.#decoder = decoder;
      this.#readyState = READY.METADATA;
      this.#fire("durationchange", "resize", "loadedmetadata");
      if (this.#seek) await this.#runSeek();
      else this.#show(await decoder.frame(0), load);
      if (load !== this.#load) return;
      this.#readyState = READY.CURRENT_DATA;
      this.#fire("loadeddata", "progress");
      await this.#prepareSound(decoder);
      if (load !== this.#load) return;
      this.#networkState = NETWORK.IDLE;
      this.#readyState = READY.ENOUGH_DATA;
      this.#fire("canplay", "canplaythrough", "suspend");
      if (!this.#paused) this.#begin();
      this.#considerAutoplay();
    } catch (error) {
      this.#fail(error, load);
    }
  }

  /** Decode the first audio stream that the browser can decode. */
  async #prepareSound(decoder) {
    if (!decoder.hasAudio) return;
    const [tick, ticks] = decoder.head.timeBase;
    const start = (Number(decoder.startTicks) * tick) / ticks;
    for (const stream of await decoder.audio()) {
      const decoded = await decodeAudio(stream, start);
      if (!decoded) continue;
      if (decoder !== this.#decoder) return;
      this.#sound = new Sound(decoded);
      this.#sound.volume = this.#muted ? 0 : this.#volume;
      return;
    }
  }

  #fail(error, load = this.#load) {
    if (load !== this.#load || this.#error) return;
    const decoding = this.#decoder !== null || error.name === "FormatError";
    const code = error.name === "AbortError" ? ABORTED : decoding ? DECODE_ERROR : NETWORK_ERROR;
    this.#error = { code, message: error.message };
    this.#networkState = this.#decoder ? NETWORK.IDLE : NETWORK.NO_SOURCE;
    this.#paused = true;
    this.#stop();
    if (!this.#decoder) this.#canvas.hidden = true;
    this.#fire("error");
    this.#settlePlay(new DOMException(error.message, "NotSupportedError"));
  }

  // --- playing ----------------------------------------------------------------------------

  /** Play on. @returns {Promise<void>} settled once it does, or cannot */
  play() {
    this.#autoplaying = false;
    this.#startedByItself = false;
    return this.#play();
  }

  pause() {
    this.#autoplaying = false;
    this.#startedByItself = false;
    this.#pause();
  }

  #play() {
    if (this.#error) {
      return Promise.reject(new DOMException(this.#error.message, "NotSupportedError"));
    }
    const promise = new Promise((resolve, reject) => this.#playPromises.push({ resolve, reject }));
    if (this.#networkState === NETWORK.EMPTY || this.#loadWanted) this.#loadToPlay();
    if (this.#ended) this.currentTime = 0;
    if (this.#paused) {
      this.#paused = false;
      this.#fire("play");
      if (this.#readyState < READY.FUTURE_DATA) this.#fire("waiting");
    }
    if (this.#readyState >= READY.FUTURE_DATA) this.#begin();
    return promise;
  }

  /** Load, and keep the promises to play. */
  #loadToPlay() {
    const promises = this.#playPromises.splice(0);
    this.load();
    this.#playPromises.push(...promises);
    this.#autoplaying = false;
  }

  #pause() {
    if (this.#paused) return;
    this.#paused = true;
    this.#stop();
    this.#fire("timeupdate", "pause");
    this.#settlePlay(abort("playing was paused"));
  }

  #settlePlay(error = null) {
    for (const { resolve, reject } of this.#playPromises.splice(0)) {
      if (error) reject(error);
      else resolve();
    }
  }

  /** Start the clock, once the browser lets the sound be heard. */
  async #begin() {
    const load = this.#load;
    const audible = this.#sound && !this.#muted && this.#volume > 0;
    if (audible && !(await this.#sound.permitted()) && load === this.#load && !this.#paused) {
      this.#paused = true;
      this.#fire("pause");
      const words = "the browser plays sound only after the user did something; mute it to start";
      this.#settlePlay(new DOMException(words, "NotAllowedError"));
      return;
    }
    if (load !== this.#load || this.#paused) return;
    if (this.#since === null && !this.#seek) this.#runClock(this.#base);
    this.#fire("playing");
    this.#settlePlay();
    this.#animation ??= requestAnimationFrame(() => this.#tick());
  }

  #runClock(time) {
    this.#base = time;
    this.#since = performance.now();
    if (this.#sound && this.#rate > 0) this.#sound.start(time, this.#rate);
  }

  #stop() {
    this.#base = this.#now();
    this.#since = null;
    this.#sound?.stop();
    if (this.#animation !== null) cancelAnimationFrame(this.#animation);
    this.#animation = null;
  }

  /** The time of the video now. */
  #now() {
    if (this.#since === null) return this.#base;
    const heard = this.#sound?.time ?? null;
    const passed = ((performance.now() - this.#since) / 1000) * this.#rate;
    const time = heard ?? this.#base + passed;
    return Math.min(Math.max(time, 0), this.duration || 0);
  }

  /** Show what is due, ask for what comes, once for every picture of the screen. */
  #tick() {
    this.#animation = null;
    if (this.#paused || !this.#decoder) return;
    const now = this.#now();
    if (!this.#seek) {
      this.#showDue(now);
      if (now >= this.duration) {
        this.#finish();
        if (this.#paused) return;
      }
    }
    const time = performance.now();
    if (time - this.#updated >= TIME_UPDATE) {
      this.#updated = time;
      this.#fire("timeupdate");
    }
    this.#animation = requestAnimationFrame(() => this.#tick());
  }

  #showDue(now) {
    let due = null;
    while (this.#queue.length && this.#queue[0].time <= now) due = this.#queue.shift();
    if (due) this.#show(due);
    const last = this.#queue.at(-1) ?? this.#shown;
    if (last && !last.asked && last.end <= now) {
      this.#ask(() => this.#decoder.at(now), { time: now, end: Infinity }); // we are behind
    }
    this.#fill();
  }

  /** Ask for frames ahead. */
  #fill() {
    while (this.#queue.length < AHEAD) {
      const last = this.#queue.at(-1) ?? this.#shown;
      const number = (last?.frame ?? -1) + 1;
      if (!last || last.frame === undefined || number >= this.frameCount) return;
      this.#ask(() => this.#decoder.frame(number), { frame: number, time: Infinity, end: Infinity });
    }
  }

  /** Put the place of a frame into the queue; it is filled when the worker answers. */
  async #ask(request, place) {
    const epoch = this.#epoch;
    const waiting = { ...place, time: Infinity, asked: true };
    this.#queue.push(waiting);
    try {
      const found = await request();
      if (epoch !== this.#epoch) return;
      Object.assign(waiting, found, { asked: false });
    } catch (error) {
      if (epoch === this.#epoch) this.#fail(error);
    }
  }

  #forgetAhead() {
    this.#epoch++;
    this.#queue = [];
  }

  #finish() {
    if (this.loop) {
      this.#base = 0;
      this.#since = null;
      this.currentTime = 0;
      return;
    }
    this.#stop();
    this.#base = this.duration;
    this.#paused = true;
    this.#ended = true;
    this.#fire("timeupdate", "pause", "ended");
  }

  #show(found, load = this.#load) {
    if (load !== this.#load) return;
    const { width, height } = this.#decoder;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#context.putImageData(new ImageData(found.pixels, width, height), 0, 0);
    const { frame, time, end } = found;
    const first = this.#shown === null;
    this.#shown = { frame, time, end };
    this.#presented++;
    if (first) {
      this.#canvas.hidden = false;
      this.#poster.hidden = true;
      this.#layOut();
    }
    this.dispatchEvent(new CustomEvent("frame", { detail: { frame, time } }));
    const facts = { mediaTime: time, presentedFrames: this.#presented, width, height };
    const waiting = [...this.#frameCallbacks.values()];
    this.#frameCallbacks.clear();
    for (const callback of waiting) callback(performance.now(), facts);
  }

  // --- seeking ----------------------------------------------------------------------------

  #startSeek(target) {
    this.#seek = target;
    this.#ended = false;
    this.#base = target.time ?? this.#base;
    this.#since = null;
    this.#sound?.stop();
    this.#forgetAhead();
    this.#fire("seeking");
    if (this.#readyState >= READY.METADATA) this.#runSeek();
  }

  /** Find what is looked for; where that changes meanwhile, show this one and go on. */
  async #runSeek() {
    if (this.#seekRunning) return;
    this.#seekRunning = true;
    const load = this.#load;
    try {
      while (this.#seek && load === this.#load) {
        const target = this.#seek;
        const decoder = this.#decoder;
        const found = await (target.frame === undefined
          ? decoder.at(target.time)
          : decoder.frame(target.frame));
        if (load !== this.#load) break;
        this.#show(found);
        if (target === this.#seek) this.#endSeek(target.time ?? found.time);
      }
    } catch (error) {
      this.#fail(error, load);
    }
    this.#seekRunning = false;
    if (this.#seek && this.#decoder && !this.#error) this.#runSeek();
  }

  #endSeek(time) {
    this.#seek = null;
    this.#base = time;
    this.#fire("timeupdate", "seeked");
    if (this.#paused) return;
    this.#runClock(time);
    this.#animation ??= requestAnimationFrame(() => this.#tick());
  }

  // --- starting by itself -----------------------------------------------------------------

  /** Start or stop, where nobody has said what to do. Called whenever anything changes. */
  #considerAutoplay() {
    if (!this.#autoplaying || this.#readyState < READY.FUTURE_DATA) return;
    const should = this.autoplay && this.#inView && !this.#calm.matches && this.isConnected;
    if (should && this.#paused && !this.#ended) {
      this.#startedByItself = true;
      this.#play().catch(() => {}); // the browser does not let it
    } else if (!should && this.#startedByItself) {
      this.#startedByItself = false;
      this.#pause();
    }
  }

  // --- the surface ------------------------------------------------------------------------

  #fire(...names) {
    queueMicrotask(() => {
      for (const name of names) this.dispatchEvent(new Event(name));
    });
  }

  get src() {
    const address = this.getAttribute("src");
    return address === null ? "" : String(new URL(address, document.baseURI));
  }

  set src(value) {
    this.setAttribute("src", value);
  }

  /** A Blob or ArrayBuffer to play instead of what `src` names. */
  get srcObject() {
    return this.#object;
  }

  set srcObject(value) {
    this.#object = value;
    this.#loadWanted = true;
    this.#loadUnlessTold();
  }

  get currentSrc() {
    return this.#object ? "" : this.src;
  }

  get currentTime() {
    return this.#seek?.time ?? this.#now();
  }

  set currentTime(value) {
    if (!Number.isFinite(Number(value))) throw new TypeError("currentTime must be a finite number");
    const most = this.duration;
    const time = Math.max(0, Number(value));
    this.#startSeek({ time: Number.isNaN(most) ? time : Math.min(time, most) });
  }

  fastSeek(time) {
    this.currentTime = time;
  }

  get duration() {
    return this.#decoder?.duration ?? NaN;
  }

  /** The number of the frame that is seen, or looked for; setting it seeks to exactly that one. */
  get frame() {
    return this.#seek?.frame ?? this.#shown?.frame ?? 0;
  }

  set frame(value) {
    if (!Number.isInteger(value)) throw new TypeError("frame must be an integer");
    const frame = Math.max(0, Math.min(value, (this.frameCount || Infinity) - 1));
    this.#startSeek({ frame });
  }

  get frameCount() {
    return this.#decoder?.frameCount ?? 0;
  }

  /** Frames per second, as the file says. */
  get frameRate() {
    return this.#decoder?.frameRate ?? NaN;
  }

  /** The decoder in the worker, for what this element has no name for; null before metadata. */
  get decoder() {
    return this.#decoder;
  }

  /** The scene of a segment; without a number, of the one that is seen. */
  async scene(segment) {
    if (!this.#decoder) throw new DOMException("nothing is loaded", "InvalidStateError");
    const seen = this.#decoder.segments.findLastIndex(({ first }) => first <= this.frame);
    return this.#decoder.scene(segment ?? seen);
  }

  get paused() {
    return this.#paused;
  }

  get ended() {
    return this.#ended;
  }

  get seeking() {
    return this.#seek !== null;
  }

  get error() {
    return this.#error;
  }

  get networkState() {
    return this.#networkState;
  }

  get readyState() {
    return this.#readyState;
  }

  get videoWidth() {
    return this.#decoder?.width ?? 0;
  }

  get videoHeight() {
    return this.#decoder?.height ?? 0;
  }

  get buffered() {
    return new Range(this.duration);
  }

  get seekable() {
    return new Range(this.duration);
  }

  get played() {
    return new Range(this.#now());
  }

  get playbackRate() {
    return this.#rate;
  }

  set playbackRate(value) {
    const rate = Number(value);
    if (!(rate >= 0 && rate <= 64)) {
      throw new DOMException("playbackRate must be from 0 to 64", "NotSupportedError");
    }
    const now = this.#now();
    this.#rate = rate;
    if (this.#since !== null) {
      this.#sound?.stop();
      this.#runClock(now);
    }
    this.#fire("ratechange");
  }

  get defaultPlaybackRate() {
    return this.#defaultRate;
  }

  set defaultPlaybackRate(value) {
    this.#defaultRate = Number(value);
    this.#fire("ratechange");
  }

  get volume() {
    return this.#volume;
  }

  set volume(value) {
    if (!(value >= 0 && value <= 1)) {
      throw new DOMException("volume must be from 0 to 1", "IndexSizeError");
    }
    this.#volume = Number(value);
    this.#changeVolume();
  }

  get muted() {
    return this.#muted;
  }

  set muted(value) {
    this.#muted = Boolean(value);
    this.#changeVolume();
  }

  #changeVolume() {
    if (this.#sound) {
      this.#sound.volume = this.#muted ? 0 : this.#volume;
      if (!this.#muted && !this.#paused) this.#sound.permitted();
    }
    this.#fire("volumechange");
  }

  /** Whether there is sound that this browser can decode. */
  get hasSound() {
    return this.#sound !== null;
  }

  requestVideoFrameCallback(callback) {
    this.#frameCallbacks.set(++this.#callbackNumber, callback);
    return this.#callbackNumber;
  }

  cancelVideoFrameCallback(number) {
    this.#frameCallbacks.delete(number);
  }

  canPlayType(type) {
    return /^(video|application)\/(x-)?spr\b/i.test(type) ? "maybe" : "";
  }
}

for (const name of ["autoplay", "loop", "controls", "playsInline", "defaultMuted"]) {
  const attribute = name === "defaultMuted" ? "muted" : name.toLowerCase();
  Object.defineProperty(SprVideoElement.prototype, name, {
    get() {
      return this.hasAttribute(attribute);
    },
    set(value) {
      this.toggleAttribute(attribute, Boolean(value));
    },
    enumerable: true,
    configurable: true,
  });
}
for (const [name, otherwise] of [["poster", ""], ["preload", "auto"], ["scaling", "integer"]]) {
  Object.defineProperty(SprVideoElement.prototype, name, {
    get() {
      return this.getAttribute(name) ?? otherwise;
    },
    set(value) {
      this.setAttribute(name, value);
    },
    enumerable: true,
    configurable: true,
  });
}

/** Make the element known, under a name of your choice. */
export function defineSprVideo(name = "spr-video") {
  if (!customElements.get(name)) customElements.define(name, SprVideoElement);
}
