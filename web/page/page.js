/** The page of one file: what plays, what it is made of, and where its bytes go. */

import { useWorker } from "./client.js";
import { defineSprVideo } from "./element.js";
import { serve } from "./worker.js";
import { Overlay } from "./overlay.js";
import { World } from "./world.js";

const MOST_SPRITES = 300; // pictures that are drawn before one asks for more
const MOST_SIDE = 256; // pixels of a sprite's picture in the list
const COLOURS = ["#c2255c", "#1c7ed6", "#2f9e44", "#f08c00", "#7048e8", "#0c8599", "#868e96"];
const get = (id) => document.getElementById(id);
const count = (value) => value.toLocaleString("en");

/** An element with text and children; text is never read as HTML. */
function make(name, text = "", ...children) {
  const element = document.createElement(name);
  element.textContent = text;
  element.append(...children);
  return element;
}

/** A picture on a canvas of its own size; of a very large one its top left corner. */
function draw(picture, canvas = document.createElement("canvas")) {
  canvas.width = Math.min(picture.width, MOST_SIDE);
  canvas.height = Math.min(picture.height, MOST_SIDE);
  const data = new ImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(data.data.buffer);
  for (let y = 0; y < canvas.height; y++) {
    const row = picture.pixels.subarray(y * picture.width, y * picture.width + canvas.width);
    pixels.set(row, y * canvas.width);
  }
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

class Page {
  #video = get("video");
  #overlay = new Overlay(get("overlay"), this.#video);
  #world = new World(this.#video);
  #scenes = new Map(); // promises, by number of the segment
  #pointer = null;
  #sprite = null;

  start() {
    this.#chooseTheme();
    this.#bind();
    this.#tell(null);
    const bytes = Uint8Array.from(atob(get("file").textContent), (c) => c.charCodeAt(0));
    this.#video.loop = true;
    this.#video.srcObject = new Blob([bytes]);
  }

  #bind() {
    const video = this.#video;
    const on = (target, name, work) => target.addEventListener(name, work);
    on(video, "error", () => this.#refuse(video.error.message));
    on(video, "loadeddata", () => this.#describe().catch((error) => this.#refuse(error.message)));
    on(video, "frame", () => this.#follow());
    for (const name of ["play", "pause"]) on(video, name, () => this.#showState());
    on(get("play"), "click", () => this.#toggle());
    on(get("seek"), "input", () => (video.frame = Number(get("seek").value)));
    on(get("speed"), "change", () => (video.playbackRate = Number(get("speed").value)));
    on(get("loop"), "change", () => (video.loop = get("loop").checked));
    on(get("muted"), "change", () => (video.muted = get("muted").checked));
    for (const name of ["tracks", "boxes"]) on(get(name), "change", () => this.#follow());
    on(get("full"), "click", () => this.#fullscreen());
    on(get("ask"), "click", () => get("keys").showModal());
    on(get("theme"), "click", () => this.#changeTheme());
    on(get("overlay"), "pointermove", (event) => this.#point(event));
    on(get("overlay"), "pointerleave", () => this.#point(null));
    on(get("overlay"), "click", () => this.#toggle());
    on(document, "keydown", (event) => this.#key(event));
    on(window, "resize", () => this.#fit());
    on(document, "fullscreenchange", () => this.#fit());
  }

  /** One sentence instead of everything else. */
  #refuse(words) {
    get("error").textContent = `This file cannot be shown: ${words}.`;
    get("error").hidden = false;
    document.querySelector("main").hidden = true;
  }

  // --- what the file is -------------------------------------------------------------------

  async #describe() {
    const { decoder } = this.#video;
    const { head, frameCount, frameRate, size, width, height, nativeWidth, nativeHeight } = decoder;
    const facts = [
      `${width}×${height}`,
      width === nativeWidth ? "" : `native ${nativeWidth}×${nativeHeight}`,
      `${count(frameCount)} frames`,
      `${decoder.duration.toFixed(1)} s at ${Number(frameRate.toFixed(2))} fps`,
      `${count(size)} bytes`,
      head.lossless ? "every frame exact" : head.psnr === null ? "" : `PSNR ${head.psnr.toFixed(1)} dB`,
      `by ${head.writer}`,
      decoder.truncated ? "cut short: this is what is left" : "",
    ];
    get("facts").textContent = facts.filter(Boolean).join(" · ");
    get("seek").max = frameCount - 1;
    this.#video.addEventListener("canplay", () => (get("sound").hidden = !this.#video.hasSound));
    this.#showState();
    this.#listBytes(await decoder.breakdown(), size);
    this.#fit();
    const scene = await this.#scene();
    this.#world.begin(scene);
    await this.#listSprites();
  }

  #listBytes(sizes, all) {
    const rows = [...sizes].sort(([, a], [, b]) => b - a);
    rows.forEach(([name, size], i) => {
      const colour = COLOURS[Math.min(i, COLOURS.length - 1)];
      const [part, mark] = [make("i"), make("i")];
      part.style.background = mark.style.background = colour;
      part.style.flex = String(size);
      part.title = `${name}: ${count(size)} bytes`;
      get("bar").append(part);
      const share = `${((100 * size) / all).toFixed(1)} %`;
      const cell = make("td", "", mark, document.createTextNode(name));
      get("bytes").tBodies[0].append(make("tr", "", cell, make("td", count(size)), make("td", share)));
    });
    const total = make("tr", "", make("td", "file"), make("td", count(all)), make("td", ""));
    get("bytes").tBodies[0].append(total);
  }

  /** Give the player the largest size that fits and shows every pixel as large as the others. */
  #fit() {
    const { videoWidth: width, videoHeight: height, style } = this.#video;
    if (!width) return;
    const full = document.fullscreenElement !== null;
    const pixel = 1 / (devicePixelRatio || 1);
    const room = [get("stage").clientWidth, innerHeight * (full ? 1 : 0.81)];
    const exact = Math.min(room[0] / width, room[1] / height);
    const factor = exact < pixel ? exact : Math.floor(exact / pixel) * pixel;
    style.width = `${width * factor}px`;
    style.height = `${height * factor}px`;
    requestAnimationFrame(() => this.#follow());
  }

  /** The scene of the frame that is seen. */
  #scene() {
    const { decoder, frame } = this.#video;
    const number = decoder.segments.findLastIndex(({ first }) => first <= frame);
    if (!this.#scenes.has(number)) {
      if (this.#scenes.size > 1) this.#scenes.delete(this.#scenes.keys().next().value);
      this.#scenes.set(number, decoder.scene(number));
    }
    return this.#scenes.get(number);
  }

  /** The sprites, with the first frame that shows each. */
  async #listSprites() {
    const { segments } = this.#video.decoder;
    const { sprites } = await this.#video.decoder.scene(segments.length - 1);
    const shown = await this.#countSprites(sprites.length);
    get("sprites-lead").textContent =
      `${count(sprites.length)} sprites. Click one to go to a frame that shows it.`;
    const order = [...sprites.keys()].sort((a, b) => shown[b].times - shown[a].times || a - b);
    const add = (from, until) => {
      for (const i of order.slice(from, until)) {
        get("sprites").append(this.#spriteButton(i, sprites[i], shown[i]));
      }
      const left = order.length - until;
      get("more").hidden = left <= 0;
      get("more").textContent = `Show ${count(left)} more`;
      get("more").onclick = () => add(until, until + 1000);
    };
    add(0, MOST_SPRITES);
  }

  async #countSprites(sprites) {
    const shown = Array.from({ length: sprites }, () => ({ times: 0, first: null }));
    for (const [i, { first }] of this.#video.decoder.segments.entries()) {
      const { tracks } = await this.#video.decoder.scene(i);
      tracks.start.forEach((start, k) => {
        for (let p = tracks.first[k]; p < tracks.first[k + 1]; p++) {
          const found = shown[tracks.sprite[p]];
          const frame = first + start + p - tracks.first[k];
          found.times++;
          if (found.first === null || frame < found.first) found.first = frame;
        }
      });
    }
    return shown;
  }

  #spriteButton(number, picture, { times, first }) {
    const canvas = draw(picture);
    const scale = Math.max(1, Math.min(3, Math.floor(48 / Math.max(picture.width, picture.height))));
    canvas.style.width = `${Math.min(picture.width * scale, 200)}px`;
    const words = `sprite ${number}, ${picture.width}×${picture.height}, shown ${count(times)} times`;
    const button = make("button", "", canvas);
    button.title = words;
    button.setAttribute("aria-label", words);
    button.dataset.sprite = number;
    button.addEventListener("click", () => {
      this.#choose(this.#sprite === number ? null : number);
      if (this.#sprite !== null && first !== null) this.#video.frame = first;
    });
    return button;
  }

  /** Mark a sprite wherever it shows. */
  #choose(number) {
    this.#sprite = number;
    for (const button of get("sprites").children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.sprite) === number));
    }
    this.#follow();
  }

  // --- what is seen now -------------------------------------------------------------------

  async #follow() {
    const { frame, frameCount, decoder } = this.#video;
    if (!decoder) return;
    get("seek").value = frame;
    const time = decoder.duration * (frame / frameCount);
    const seconds = `${Math.floor(time / 60)}:${(time % 60).toFixed(2).padStart(5, "0")}`;
    get("where").replaceChildren(make("b", count(frame)), ` of ${count(frameCount - 1)} · ${seconds}`);
    const scene = await this.#scene().catch(() => null); // the element says what is wrong
    if (!scene || frame !== this.#video.frame) return;
    const t = frame - scene.first;
    const wanted = { tracks: get("tracks").checked, boxes: get("boxes").checked };
    this.#overlay.show(scene, t, { ...wanted, sprite: this.#sprite });
    this.#world.show(scene, t);
    if (this.#pointer) this.#look();
  }

  #showState() {
    const { paused } = this.#video;
    get("play").textContent = paused ? "▶" : "❚❚";
    get("play").setAttribute("aria-label", paused ? "Play" : "Pause");
  }

  #point(event) {
    this.#pointer = event && this.#overlay.place(event.clientX, event.clientY);
    if (this.#pointer) this.#look();
    else this.#tell(null);
  }

  /** Say what is under the pointer. */
  async #look() {
    const { x, y } = this.#pointer;
    const { frame, decoder } = this.#video;
    const item = await decoder.pick(frame, x, y).catch(() => null);
    if (item && this.#pointer?.x === x && this.#pointer?.y === y) {
      this.#tell(item, await this.#scene().catch(() => null));
    }
  }

  #tell(item, scene = null) {
    const place = get("what");
    const thumb = get("thumb");
    if (this.#video.decoder) this.#overlay.point(item);
    thumb.hidden = true;
    place.textContent = "";
    if (!item) {
      place.textContent = "Point at the picture to see what a pixel belongs to.";
      return;
    }
    const names = ["sprite", "background", "track", "layer", "patch"];
    const parts = names.filter((name) => item[name] !== undefined && item[name] >= 0);
    if (!parts.includes(item.kind)) place.append(make("b", item.kind), " ");
    for (const name of parts) place.append(`${name} `, make("b", count(item[name])), " · ");
    if (item.width) place.append(`${item.width}×${item.height} at (${item.x}, ${item.y}) · `);
    place.append(`pixel (${this.#pointer.x}, ${this.#pointer.y})`);
    if (item.kind === "sprite" && scene?.sprites[item.sprite]) {
      draw(scene.sprites[item.sprite], thumb);
      const { width, height } = thumb;
      thumb.style.width = `${Math.max(1, Math.min(4, Math.floor(48 / Math.max(width, height)))) * width}px`;
      thumb.hidden = false;
    }
  }

  // --- what the user does -----------------------------------------------------------------

  #toggle() {
    if (this.#video.paused) this.#video.play().catch(() => {});
    else this.#video.pause();
  }

  #step(frames) {
    this.#video.pause();
    this.#video.frame = this.#video.frame + frames;
  }

  #flip(name) {
    get(name).checked = !get(name).checked;
    get(name).dispatchEvent(new Event("change"));
  }

  #changeSpeed(by) {
    const list = get("speed");
    list.selectedIndex = Math.max(0, Math.min(list.options.length - 1, list.selectedIndex + by));
    list.dispatchEvent(new Event("change"));
  }

  #fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else get("stage").requestFullscreen?.();
  }

  #chooseTheme() {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const choose = () => document.documentElement.classList.toggle("dark", dark.matches);
    dark.addEventListener("change", choose);
    choose();
  }

  #changeTheme() {
    document.documentElement.classList.toggle("dark");
    this.#follow();
  }

  #key(event) {
    const inField = event.target.matches("select, #world");
    if (event.ctrlKey || event.metaKey || event.altKey || get("keys").open || inField) return;
    if (event.key === " " && event.target.matches("button, [type=checkbox]")) return;
    const second = Math.max(1, Math.round(this.#video.frameRate || 1));
    const actions = {
      " ": () => this.#toggle(),
      k: () => this.#toggle(),
      ArrowLeft: () => this.#step(event.shiftKey ? -second : -1),
      ArrowRight: () => this.#step(event.shiftKey ? second : 1),
      Home: () => (this.#video.frame = 0),
      End: () => (this.#video.frame = Math.max(0, this.#video.frameCount - 1)),
      "[": () => this.#changeSpeed(-1),
      "]": () => this.#changeSpeed(1),
      t: () => this.#flip("tracks"),
      b: () => this.#flip("boxes"),
      l: () => this.#flip("loop"),
      m: () => this.#flip("muted"),
      f: () => this.#fullscreen(),
      d: () => this.#changeTheme(),
      "?": () => get("keys").showModal(),
    };
    const tenth = /^[0-9]$/.test(event.key) ? Number(event.key) / 10 : null;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (tenth !== null) this.#video.currentTime = tenth * (this.#video.duration || 0);
    else if (Object.hasOwn(actions, key)) actions[key]();
    else return;
    event.preventDefault();
  }
}

if (typeof document === "undefined") {
  serve(self);
} else {
  const { src } = document.currentScript; // this text, which is the worker's, too
  useWorker(() => new Worker(src));
  defineSprVideo();
  new Page().start();
}
