/** Tracks and boxes over the picture. */

const REACH = 90; // frames of a path that are drawn to either side
const MOST_TRACKS = 1000; // that are drawn at once

/** A colour for a track that neighbours do not have. */
const colourOf = (track) => `oklch(0.78 0.17 ${(track * 137.5) % 360})`;

/** Draws over the player's picture. */
export class Overlay {
  #scene = null;
  #t = 0;
  #wanted = {};
  #item = null;
  #colour = "#fff";

  /**
   * @param {HTMLCanvasElement} canvas that lies over the player
   * @param {SprVideoElement} video
   */
  constructor(canvas, video) {
    this.canvas = canvas;
    this.video = video;
  }

  /** The pixel of the video at a place of the window; null beside the picture. */
  place(clientX, clientY) {
    const box = this.#box();
    const x = Math.floor(((clientX - box.left) / box.width) * this.video.videoWidth);
    const y = Math.floor(((clientY - box.top) / box.height) * this.video.videoHeight);
    const inside = x >= 0 && y >= 0 && x < this.video.videoWidth && y < this.video.videoHeight;
    return inside ? { x, y } : null;
  }

  show(scene, t, wanted) {
    this.#scene = scene;
    this.#t = t;
    this.#wanted = wanted;
    this.#draw();
  }

  /** Mark what is pointed at. */
  point(item) {
    this.#item = item;
    if (this.#scene) this.#draw();
  }

  #box() {
    return this.video.shadowRoot.querySelector("canvas").getBoundingClientRect();
  }

  /** A context in which one unit is a native pixel and (0, 0) the picture's corner. */
  #begin() {
    const pixel = devicePixelRatio || 1;
    const own = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.round(own.width * pixel);
    this.canvas.height = Math.round(own.height * pixel);
    const context = this.canvas.getContext("2d");
    const box = this.#box();
    const { enlargement } = this.video.decoder.head;
    const scale = (pixel * box.width) / this.video.videoWidth;
    context.setTransform(scale, 0, 0, scale, (box.left - own.left) * pixel, (box.top - own.top) * pixel);
    if (enlargement && !enlargement.restored) {
      const step = (shown) => {
        const left = shown.findIndex((v) => v >= 0);
        const inner = shown.reduce((n, v) => n + (v >= 0), 0);
        return { left, factor: inner / (Math.max(...shown) + 1) };
      };
      const [across, down] = [step(enlargement.columns), step(enlargement.rows)];
      context.transform(across.factor, 0, 0, down.factor, across.left, down.left);
    }
    context.beginPath();
    context.rect(0, 0, this.#scene.width, this.#scene.height);
    context.clip();
    context.lineWidth = (1.5 * pixel) / context.getTransform().a;
    return context;
  }

  #draw() {
    const context = this.#begin();
    const { tracks, sprites } = this.#scene;
    const { tracks: paths, boxes, sprite } = this.#wanted;
    for (let i = 0, drawn = 0; i < tracks.start.length && drawn < MOST_TRACKS; i++) {
      const k = tracks.first[i] + this.#t - tracks.start[i];
      if (this.#t < tracks.start[i] || k >= tracks.first[i + 1]) continue;
      drawn++;
      const number = tracks.sprite[k];
      const picture = sprites[number];
      const [panX, panY] = this.#pan(tracks.layer[i]);
      this.#colour = colourOf(i);
      if (paths) this.#path(context, i, k, panX, panY);
      const pointed = this.#item?.kind === "sprite" && this.#item.track === i;
      if (boxes || pointed || number === sprite) {
        const { width, height } = picture;
        context.beginPath();
        context.rect(tracks.x[k] - panX, tracks.y[k] - panY, width, height);
        this.#stroke(context);
      }
    }
  }

  #pan(layer) {
    const { x, y } = this.#scene.layers[layer];
    return [x[this.#t], y[this.#t]];
  }

  /** The middle of a track's sprite through time, where the layer lies now. */
  #path(context, track, now, panX, panY) {
    const { tracks, sprites } = this.#scene;
    const from = Math.max(tracks.first[track], now - REACH);
    const until = Math.min(tracks.first[track + 1] - 1, now + REACH);
    const middle = (k) => {
      const { width, height } = sprites[tracks.sprite[k]];
      return [tracks.x[k] - panX + width / 2, tracks.y[k] - panY + height / 2];
    };
    context.beginPath();
    for (let k = from; k <= until; k++) context.lineTo(...middle(k));
    this.#stroke(context);
    context.beginPath();
    context.arc(...middle(now), 1.5 * context.lineWidth, 0, 7);
    this.#stroke(context);
    context.fillStyle = this.#colour;
    context.fill();
  }

  /** A coloured line with a dark one around it, so that it is seen on any picture. */
  #stroke(context) {
    const width = context.lineWidth;
    context.strokeStyle = "#000a";
    context.lineWidth = 2.2 * width;
    context.stroke();
    context.strokeStyle = this.#colour;
    context.lineWidth = width;
    context.stroke();
  }
}
