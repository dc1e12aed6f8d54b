/** A map of a layer's backgrounds, to be scrolled. */

const MOST_LENGTH = 8_000_000; // CSS pixels that a browser scrolls through
const MOST_DRAWN = 1 << 24; // pixels, where backgrounds lie over backgrounds
const get = (id) => document.getElementById(id);

/** Draws the part of the map that is seen; the rest costs nothing. */
export class World {
  #scene = null;
  #t = 0;
  #layer = 0;
  #bounds = null;

  constructor(video) {
    this.video = video;
    const redraw = () => this.#scene && this.#draw();
    get("world").addEventListener("scroll", redraw);
    new ResizeObserver(redraw).observe(get("world"));
    get("layer").addEventListener("change", () => this.#choose(Number(get("layer").value)));
    get("zoom").addEventListener("change", () => this.#measure());
    get("follow").addEventListener("change", () => this.show(this.#scene, this.#t));
  }

  /** Show a scene for the first time: its largest layer. */
  begin(scene) {
    this.#scene = scene;
    const areas = scene.layers.map((layer) => {
      const bounds = this.#boundsOf(layer);
      return bounds ? bounds.width * bounds.height : 0;
    });
    get("world-panel").hidden = !areas.some((area) => area > 0);
    this.#listLayers();
    const largest = Math.max(0, areas.indexOf(Math.max(...areas)));
    const { width = 1 } = (scene.layers[largest] && this.#boundsOf(scene.layers[largest])) ?? {};
    const zoom = Math.floor(get("world").clientWidth / width);
    get("zoom").value = String(Math.max(1, Math.min(4, zoom)));
    this.#choose(largest);
  }

  show(scene, t) {
    if (this.#scene === null || get("world-panel").hidden) return;
    if (scene !== this.#scene) {
      this.#scene = scene;
      this.#listLayers();
      this.#layer = Math.min(this.#layer, scene.layers.length - 1);
      this.#measure();
    }
    this.#t = t;
    const layer = scene.layers[this.#layer];
    if (!layer || !this.#bounds) return;
    if (get("follow").checked) this.#scrollTo(layer.x[t], layer.y[t]);
    this.#draw();
  }

  #listLayers() {
    const options = this.#scene.layers.map((_, i) => new Option(String(i), String(i)));
    get("layer").replaceChildren(...options);
    get("layer").value = String(this.#layer);
  }

  #choose(layer) {
    this.#layer = layer;
    get("layer").value = String(layer);
    this.#measure();
  }

  get #zoom() {
    return Number(get("zoom").value);
  }

  #boundsOf(layer) {
    let bounds = null;
    for (const { number, x, y } of layer.backgrounds) {
      const { width, height } = this.#scene.backgrounds[number];
      bounds ??= { left: x, top: y, right: x, bottom: y };
      bounds.left = Math.min(bounds.left, x);
      bounds.top = Math.min(bounds.top, y);
      bounds.right = Math.max(bounds.right, x + width);
      bounds.bottom = Math.max(bounds.bottom, y + height);
    }
    if (!bounds) return null;
    return { ...bounds, width: bounds.right - bounds.left, height: bounds.bottom - bounds.top };
  }

  #measure() {
    const layer = this.#scene.layers[this.#layer];
    this.#bounds = layer ? this.#boundsOf(layer) : null;
    const { width = 0, height = 0 } = this.#bounds ?? {};
    const size = (length) => `${Math.min(length * this.#zoom, MOST_LENGTH)}px`;
    get("room").style.width = size(width);
    get("room").style.height = size(height);
    get("world").style.height = `${Math.min(Math.max(height * this.#zoom, 80), 420) + 16}px`;
    this.show(this.#scene, this.#t);
  }

  /** Bring the screen into the middle. */
  #scrollTo(x, y) {
    const place = get("world");
    const { left, top } = this.#bounds;
    const { width, height } = this.#scene;
    place.scrollLeft = (x - left + width / 2) * this.#zoom - place.clientWidth / 2;
    place.scrollTop = (y - top + height / 2) * this.#zoom - place.clientHeight / 2;
  }

  #draw() {
    const place = get("world");
    const canvas = get("map");
    const [width, height] = [place.clientWidth, place.clientHeight];
    if (!this.#bounds || !width || !height) return;
    const zoom = this.#zoom;
    const left = Math.floor(place.scrollLeft / zoom) + this.#bounds.left;
    const top = Math.floor(place.scrollTop / zoom) + this.#bounds.top;
    const across = Math.ceil(width / zoom) + 1;
    const down = Math.ceil(height / zoom) + 1;
    const seen = this.#paint(left, top, across, down);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, width, height);
    context.drawImage(seen, 0, 0, across * zoom, down * zoom);
    const layer = this.#scene.layers[this.#layer];
    const [x, y] = [layer.x[this.#t] - left, layer.y[this.#t] - top];
    const frame = [x * zoom, y * zoom, this.#scene.width * zoom, this.#scene.height * zoom];
    for (const [colour, line] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.strokeRect(...frame);
    }
  }

  /** The backgrounds seen there, but of a hostile file no more than can be drawn soon. */
  #nearest(left, top, across, down) {
    const { backgrounds } = this.#scene.layers[this.#layer];
    const shown = [];
    let pixels = 0;
    for (let i = backgrounds.length; i-- > 0 && pixels < MOST_DRAWN; ) {
      const { number, x, y } = backgrounds[i];
      const { width, height } = this.#scene.backgrounds[number];
      const seenAcross = Math.min(left + across, x + width) - Math.max(left, x);
      const seenDown = Math.min(top + down, y + height) - Math.max(top, y);
      if (seenAcross <= 0 || seenDown <= 0) continue;
      pixels += seenAcross * seenDown;
      shown.push(backgrounds[i]);
    }
    return shown.reverse();
  }

  /** The part of the map from (left, top) on, one pixel a pixel. */
  #paint(left, top, across, down) {
    const out = new Uint32Array(across * down);
    for (const { number, x, y } of this.#nearest(left, top, across, down)) {
      const { width, height, pixels } = this.#scene.backgrounds[number];
      const from = Math.max(left, x);
      const until = Math.min(left + across, x + width);
      for (let row = Math.max(top, y); row < Math.min(top + down, y + height); row++) {
        for (let column = from; column < until; column++) {
          const colour = pixels[(row - y) * width + column - x];
          if (colour >>> 24) out[(row - top) * across + column - left] = colour;
        }
      }
    }
    const canvas = new OffscreenCanvas(across, down);
    const data = new ImageData(new Uint8ClampedArray(out.buffer), across, down);
    canvas.getContext("2d").putImageData(data, 0, 0);
    return canvas;
  }
}
