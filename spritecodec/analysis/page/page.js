"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const done = data.rows.filter((row) => row.status === "ok");
const codecs = [...new Set(data.rows.map((row) => row.codec))];
const ownCodecs = new Set(data.rows.filter((row) => row.ours).map((row) => row.codec));

const colour = (codec) => data.colours[codec];

// --- small tools -----------------------------------------------------------------------

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}
const element = (name, attributes = {}, ...children) =>
  fill(document.createElement(name), attributes, children);
const drawing = (name, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
const at = (id) => document.getElementById(id);
const whole = (value) => Math.round(value).toLocaleString("en-GB");
const isExact = (value) => value === "inf";
function decibels(value) {
  if (value === null || value === undefined) return "";
  return isExact(value) ? "exact" : value.toFixed(2);
}
function bytesShort(value) {
  if (value >= 1e6) return `${+(value / 1e6).toPrecision(3)} MB`;
  return value >= 1e3 ? `${+(value / 1e3).toPrecision(3)} kB` : `${+value.toPrecision(3)} B`;
}
function niceSteps(low, high, count) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const ticks = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) ticks.push(v);
  return ticks;
}
const tip = at("tip");
function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const spot = event.clientX === undefined ? event.target.getBoundingClientRect() : null;
  const x = spot ? spot.right : event.clientX, y = spot ? spot.bottom : event.clientY;
  tip.style.left = `${Math.min(x + 14, innerWidth - box.width - 8)}px`;
  tip.style.top = `${Math.min(y + 14, innerHeight - box.height - 8)}px`;
}
const hideTip = () => { tip.hidden = true; };
function figures(row) {
  const lines = [
    row.label, `${whole(row.bytes)} bytes, ${row.kilobits_per_second.toFixed(1)} kbit/s`,
    row.lossless ? "every pixel exact" : `PSNR RGB ${decibels(row.psnr)} dB, Y ${decibels(row.psnr_y)} dB`,
  ];
  if (row.ssim !== null && !row.lossless) lines.push(`SSIM ${row.ssim.toFixed(4)}, MS-SSIM ${row.ms_ssim.toFixed(4)}`);
  if (row.encode_cpu_seconds !== null) {
    lines.push(`encode ${row.encode_cpu_seconds.toFixed(1)} CPU s, decode ${row.decode_cpu_seconds.toFixed(2)} CPU s`);
  }
  return lines.join("\n");
}
function legend(place, names, shown, redraw) {
  place.replaceChildren(...names.map(([name, paint]) => element("button", {
    "aria-pressed": String(shown.has(name)),
    onclick(event) {
      if (!shown.delete(name)) shown.add(name);
      event.currentTarget.setAttribute("aria-pressed", String(shown.has(name)));
      redraw();
    },
  }, element("i", { style: `background:${paint}` }), name)));
}

// --- head ------------------------------------------------------------------------------

function head() {
  const clip = data.clip;
  document.title = `${clip.name}: rate and quality`;
  at("title").textContent = clip.name;
  at("facts").textContent =
    `${whole(clip.frames)} frames of ${clip.width}×${clip.height} at ${+clip.rate.toFixed(3)} a second; ` +
    `raw RGB ${whole(clip.rawBytes)} bytes; SHA-256 of the frames ${clip.content.slice(0, 16)}…`;
  const card = (figure, words, ours) =>
    at("cards").append(element("div", { class: ours ? "card ours" : "card" }, element("b", {}, figure), element("span", {}, words)));
  const exact = done.filter((row) => row.lossless).sort((a, b) => a.bytes - b.bytes);
  const ours = exact.find((row) => row.ours), peer = exact.find((row) => !row.ours);
  if (ours) card(`${whole(ours.bytes)} B`, `${ours.label}, every pixel exact`, true);
  if (peer) card(`${whole(peer.bytes)} B`, `${peer.codec}, the smallest exact peer`);
  if (ours && peer) card(`${(peer.bytes / ours.bytes).toFixed(2)} ×`, "its bytes over ours");
  const good = done.filter((row) => !row.ours && !row.lossless && row.psnr >= 40).sort((a, b) => a.bytes - b.bytes)[0];
  if (good) card(`${whole(good.bytes)} B`, `${good.label}, the smallest lossy peer of 40 dB or more: ${decibels(good.psnr)} dB`);
  const open = data.rows.filter((row) => row.status === "running" || row.status === "waiting").length;
  const failed = data.rows.length - done.length - open;
  card(String(done.length), `rows measured${open ? `; ${open} still run or wait` : ""}${failed ? `; ${failed} missing or failed` : ""}`);
  at("footer").textContent =
    `Made by spritecodec ${data.version}. PSNR: mean squared error over all RGB samples of the clip. Mean of frames: exact frames ` +
    "count as 100 dB. Y: BT.601 luma. SSIM: Wang 2004, MS-SSIM: Wang 2003, means over RGB channels and frames.";
}

// --- rate against distortion -------------------------------------------------------------

const rdShown = new Set(codecs);
function rdPlot() {
  const W = 1000, H = 460, left = 52, right = 16, band = 44, bottom = 36;
  const rows = done.filter((row) => rdShown.has(row.codec));
  const sizes = rows.map((row) => row.bytes);
  if (!rows.length) { at("rd-plot").replaceChildren("Nothing is shown."); return; }
  const lowX = Math.log10(Math.min(...sizes)) - 0.08, highX = Math.log10(Math.max(...sizes)) + 0.08;
  const lossy = rows.filter((row) => !row.lossless).map((row) => row.psnr);
  const lowY = lossy.length ? Math.floor(Math.min(...lossy) - 1) : 20;
  const highY = lossy.length ? Math.ceil(Math.max(...lossy) + 1) : 60;
  const x = (bytes) => left + ((Math.log10(bytes) - lowX) / (highX - lowX)) * (W - left - right);
  const y = (row) => row.lossless ? band / 2 : H - bottom - ((row.psnr - lowY) / (highY - lowY)) * (H - bottom - band - 8);
  const marks = [];
  for (const db of niceSteps(lowY, highY, 7)) {
    const level = y({ psnr: db });
    marks.push(drawing("line", { class: "grid", x1: left, x2: W - right, y1: level, y2: level }),
      drawing("text", { x: left - 8, y: level + 4, "text-anchor": "end" }, `${+db.toFixed(1)}`));
  }
  const narrow = highX - lowX < 2.2;
  for (let power = Math.floor(lowX); power <= highX; power++) {
    for (const m of narrow ? [1, 2, 5] : [1]) {
      const bytes = m * 10 ** power, place = x(bytes);
      if (place < left || place > W - right) continue;
      marks.push(drawing("line", { class: "grid", x1: place, x2: place, y1: 0, y2: H - bottom }),
        drawing("text", { x: place, y: H - bottom + 18, "text-anchor": "middle" }, bytesShort(bytes)));
    }
  }
  const shapes = [], points = [];
  for (const codec of codecs) {
    const own = rows.filter((row) => row.codec === codec).sort((a, b) => a.bytes - b.bytes);
    const curve = own.filter((row) => !row.lossless);
    if (curve.length > 1) shapes.push(drawing("polyline", {
      class: "curve", style: `stroke:${colour(codec)}`, "stroke-dasharray": codec.includes("420") ? "6 4" : null,
      "stroke-width": ownCodecs.has(codec) ? 3 : 2, points: curve.map((row) => `${x(row.bytes)},${y(row)}`).join(" "),
    }));
    for (const row of own) points.push({ x: x(row.bytes), y: y(row), row, text: pointLabel(row, own) });
    for (const row of own) shapes.push(drawing("circle", {
      class: "dot", cx: x(row.bytes), cy: y(row), r: row.ours ? 7 : 5, style: `fill:${colour(codec)}`, tabindex: 0,
      "data-row": row.label, "aria-label": figures(row),
      onmousemove: (event) => showTip(event, figures(row)), onmouseleave: hideTip,
      onfocus: (event) => showTip(event, figures(row)), onblur: hideTip,
    }));
  }
  at("rd-plot").replaceChildren(drawing("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "Rate against distortion" },
    drawing("rect", { class: "band", x: left, y: 0, width: W - left - right, height: band, rx: 4 }),
    ...marks,
    drawing("text", { x: left - 8, y: band / 2 + 4, "text-anchor": "end" }, "exact"),
    drawing("text", { x: left + 6, y: band + 16 }, "PSNR RGB, dB"),
    drawing("text", { x: W - right, y: H - 2, "text-anchor": "end" }, "bytes of the file"),
    ...shapes, ...placeLabels(points, [left, 0, W - right, H - bottom])));
}
// What stands at a point: the codec where every pixel is exact and at the end of a curve, else the target.
function pointLabel(row, own) {
  if (row.lossless) return row.codec;
  return row === own.find((other) => !other.lossless) ? row.label : String(row.target);
}
// Labels beside their points, at the first place where they cover no point and no other label; none where there is no such place.
function placeLabels(points, [x0, y0, x1, y1]) {
  const taken = points.map((p) => [p.x - 6, p.y - 6, p.x + 6, p.y + 6]), labels = [];
  for (const p of points) {
    const w = 6.4 * p.text.length, h = 12;
    const places = [[p.x + 9, p.y - 6], [p.x - 9 - w, p.y - 6], [p.x - w / 2, p.y - 21], [p.x - w / 2, p.y + 9]];
    const place = places.find(([a, b]) => a >= x0 && b >= y0 && a + w <= x1 && b + h <= y1 &&
      !taken.some(([c, d, e, f]) => a < e && c < a + w && b < f && d < b + h));
    if (!place) continue;
    taken.push([place[0], place[1], place[0] + w, place[1] + h]);
    labels.push(drawing("text", { class: "label", "data-label": p.row.label, x: place[0], y: place[1] + 10 }, p.text));
  }
  return labels;
}

// --- bars and tables ---------------------------------------------------------------------

function losslessBars() {
  const rows = data.summary.lossless;
  if (!rows.length) { at("lossless").remove(); return; }
  const largest = Math.log10(rows[rows.length - 1][1]), smallest = Math.log10(rows[0][1]) - 0.35;
  at("lossless-bars").append(...rows.map(([codec, bytes, ratio]) => element("div", { class: "bar" },
    element("span", {}, codec),
    element("div", {}, element("i", { style: `background:${colour(codec)};width:${(100 * (Math.log10(bytes) - smallest)) / (largest - smallest)}%` })),
    element("b", {}, `${whole(bytes)} B `, element("small", {}, ratio === null ? "" : `${ratio.toFixed(2)} × ours`)))),
  element("p", { class: "lead" }, "The bars are on a logarithmic scale."));
}

function plainTable(headings, rows) {
  return element("div", { class: "scroll" }, element("table", {},
    element("thead", {}, element("tr", {}, ...headings.map((h) => element("th", {}, h)))),
    element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((c) => element("td", {}, c)))))));
}
function deltas() {
  const { bdRate, equalQuality } = data.summary;
  const percent = (delta) => delta.value === null ? "none" : `${delta.value > 0 ? "+" : ""}${delta.value.toFixed(1)} %`;
  if (!bdRate.length && !equalQuality.length) { at("deltas").remove(); return; }
  const reasons = [...new Set(bdRate.filter(([, a]) => a.value === null).map(([, a]) => a.note))];
  if (bdRate.length && bdRate.every(([, a]) => a.value === null)) at("delta-tables").append(
    ...reasons.map((note) => element("p", { class: "lead" }, `BD-rate: ${note}.`)));
  else if (bdRate.length) at("delta-tables").append(
    element("h3", {}, "BD-rate of ours; negative: we need fewer bytes"),
    plainTable(["against", "PCHIP", "Akima", ""], bdRate.map(([peer, a, b]) => [peer, percent(a), percent(b), a.note])));
  if (equalQuality.length) at("delta-tables").append(
    element("h3", {}, "Bytes at the PSNR of each of our rows, read off the peers’ curves"),
    plainTable(["our row", "PSNR RGB", "our bytes", "against", "its bytes", "over ours"], equalQuality.map((e) => [
      e.label, e.psnr.toFixed(2), whole(e.our_bytes), e.peer,
      e.peer_bytes === null ? "not on its curve" : whole(e.peer_bytes),
      e.peer_bytes === null ? "" : `${(e.peer_bytes / e.our_bytes).toFixed(2)} ×`])));
}

const COLUMNS = [
  ["codec", "codec", (r) => r.codec, 1], ["target", "target", (r) => r.target, 1], ["bytes", "bytes", (r) => whole(r.bytes)],
  ["kilobits_per_second", "kbit/s", (r) => r.kilobits_per_second.toFixed(1)], ["bits_per_pixel", "bits/pixel", (r) => r.bits_per_pixel.toFixed(4)],
  ["psnr", "PSNR RGB", (r) => decibels(r.psnr)], ["psnr_mean", "mean of frames", (r) => decibels(r.psnr_mean)], ["psnr_y", "PSNR Y", (r) => decibels(r.psnr_y)],
  ["ssim", "SSIM", (r) => r.ssim?.toFixed(4) ?? ""], ["ms_ssim", "MS-SSIM", (r) => r.ms_ssim?.toFixed(4) ?? ""],
  ["encode_seconds", "encode s", (r) => r.encode_seconds?.toFixed(1) ?? ""], ["encode_cpu_seconds", "encode CPU s", (r) => r.encode_cpu_seconds?.toFixed(1) ?? ""],
  ["decode_seconds", "decode s", (r) => r.decode_seconds.toFixed(2)], ["decode_cpu_seconds", "decode CPU s", (r) => r.decode_cpu_seconds.toFixed(2)],
  ["encode_peak_bytes", "encode MB", (r) => r.encode_peak_bytes ? whole(r.encode_peak_bytes / 1e6) : ""],
  ["decode_peak_bytes", "decode MB", (r) => r.decode_peak_bytes ? whole(r.decode_peak_bytes / 1e6) : ""],
];
let sorted = { key: null, up: true };
function bigTable() {
  const value = (row) => { const v = row[sorted.key]; return v === "inf" ? Infinity : v ?? (sorted.up ? Infinity : -Infinity); };
  const rows = [...data.rows];
  if (sorted.key) rows.sort((a, b) => (value(a) > value(b) ? 1 : value(a) < value(b) ? -1 : 0) * (sorted.up ? 1 : -1));
  at("table").replaceChildren(
    element("thead", {}, element("tr", {}, ...COLUMNS.map(([key, title, , text]) => element("th", {
      class: text ? "text" : null, "aria-sort": sorted.key === key ? (sorted.up ? "ascending" : "descending") : null,
      onclick() { sorted = { key, up: sorted.key === key ? !sorted.up : true }; bigTable(); },
    }, title)))),
    element("tbody", {}, ...rows.map((row) => element("tr", { class: row.ours ? "ours" : null }, ...(row.status === "ok"
      ? COLUMNS.map(([key, , show, text]) => element("td", { class: text ? "text" : null },
        key === "codec" ? element("span", { class: "swatch", style: `background:${colour(row.codec)}` }) : null, show(row)))
      : [element("td", {}, row.codec), element("td", { class: "text" }, row.target),
        element("td", { class: "note", colspan: COLUMNS.length - 2 }, row.note ? `${row.status}: ${row.note}` : row.status)])))));
}

// --- over time ---------------------------------------------------------------------------

// Values that are null (a frame without error) are drawn on a line of their own at the top.
function linePlot(place, rows, key, title, unit, floor) {
  const W = 1000, H = 240, left = 52, right = 16, top = 26, bottom = 26;
  rows = rows.filter((row) => row[key].length);
  if (!rows.length) { place.replaceChildren(); return; }
  const all = rows.flatMap((row) => row[key]), finite = all.filter((v) => v !== null);
  const exact = finite.length < all.length ? 24 : 0;
  const low = floor ?? Math.min(...finite, Infinity), high = Math.max(...finite, low + 1e-9);
  const scale = (H - top - exact - bottom) / (high - low);
  const x = (i, n) => left + (n > 1 ? i / (n - 1) : 0.5) * (W - left - right);
  const y = (v) => v === null ? top : H - bottom - (v - low) * scale;
  const show = (v) => v === null ? "exact" : unit === "B" ? bytesShort(v) : `${+v.toFixed(1)}`;
  const frames = data.clip.frames;
  const rule = drawing("line", { class: "axis", y1: top, y2: H - bottom, visibility: "hidden" });
  const svg = drawing("svg", {
    viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title,
    onmousemove(event) {
      const box = svg.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (((event.clientX - box.left) / box.width) * W - left) / (W - left - right)));
      rule.setAttribute("x1", left + share * (W - left - right));
      rule.setAttribute("x2", left + share * (W - left - right));
      rule.setAttribute("visibility", "visible");
      showTip(event, [`frame ${Math.round(share * (frames - 1))}`, ...rows.map((row) => {
        const v = row[key][Math.round(share * (row[key].length - 1))];
        return `${row.label}: ${show(v)}${v !== null && unit === "dB" ? " dB" : ""}`;
      })].join("\n"));
    },
    onmouseleave() { rule.setAttribute("visibility", "hidden"); hideTip(); },
  });
  const levels = finite.length ? niceSteps(low, high, 4) : [];
  for (const v of exact ? [...levels, null] : levels) svg.append(
    drawing("line", { class: "grid", x1: left, x2: W - right, y1: y(v), y2: y(v) }),
    drawing("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, show(v)));
  for (const f of niceSteps(0, frames - 1, 8)) svg.append(
    drawing("text", { x: x(f, frames), y: H - 8, "text-anchor": "middle" }, whole(f)));
  svg.append(drawing("text", { x: left, y: 14 }, title), rule,
    ...rows.map((row) => drawing("polyline", {
      class: "curve", style: `stroke:${colour(row.codec)};stroke-width:${row.ours ? 2.5 : 1.5}`,
      points: row[key].map((v, i) => `${x(i, row[key].length).toFixed(1)},${y(v).toFixed(1)}`).join(" "),
    })));
  place.replaceChildren(svg);
}
function overTime() {
  const rows = done.filter((row) => row.frame_psnr.length);
  // At first: our last row, and each 4:4:4 codec's second best.
  const first = rows.filter((row) => row.ours).slice(-1);
  for (const codec of codecs.filter((name) => name.includes("444"))) {
    const own = rows.filter((row) => row.codec === codec).sort((a, b) => b.bytes - a.bytes);
    first.push(...own.slice(1, 2));
  }
  const shown = new Set((first.length ? first : rows.slice(0, 4)).map((row) => row.label));
  const redraw = () => {
    const wanted = rows.filter((row) => shown.has(row.label));
    linePlot(at("time-psnr"), wanted, "frame_psnr", "PSNR RGB of each frame, dB", "dB");
    linePlot(at("time-bytes"), wanted, "bytes_so_far", "Bytes up to each frame", "B", 0);
  };
  if (!rows.length) { at("time").remove(); return; }
  legend(at("time-choice"), rows.map((row) => [row.label, colour(row.codec)]), shown, redraw);
  redraw();
}

// --- side by side ------------------------------------------------------------------------

function viewer() {
  const { times, source, rows } = data.pictures;
  if (!rows.length) { at("look").remove(); return; }
  const { width, height } = data.clip;
  const size = { width, height };
  const under = element("canvas", size), over = element("canvas", { ...size, class: "over" });
  const handle = element("div", { class: "handle" });
  const scale = Math.max(1, Math.min(4, Math.floor(1000 / width)));
  const stage = element("div", { class: "stage", style: `max-width:${width * scale}px` }, under, over, handle);
  const verdict = element("p", { class: "verdict", id: "verdict" });
  const which = element("select", { "aria-label": "coded as", onchange: draw }, ...rows.map((row, i) => element("option", { value: i }, row.label)));
  const when = element("input", { type: "range", min: 0, max: times.length - 1, value: Math.floor(times.length / 2), "aria-label": "frame", oninput: draw });
  const difference = element("input", { type: "checkbox", id: "difference", onchange: draw });
  const frameName = element("span", {});
  at("viewer").append(element("div", { class: "controls" }, which, element("label", {}, "frame ", when), frameName,
    element("label", {}, difference, " difference")), stage, verdict);
  let split = 0.5;
  function place() {
    over.style.clipPath = difference.checked ? "none" : `inset(0 0 0 ${split * 100}%)`;
    handle.style.left = `calc(${split * 100}% - 1px)`;
    stage.classList.toggle("plain", difference.checked);
  }
  function move(event) {
    const box = stage.getBoundingClientRect();
    split = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    place();
  }
  stage.addEventListener("pointermove", move);
  stage.addEventListener("pointerdown", move);
  const load = (uri) => new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = uri;
  });
  async function draw() {
    const t = Number(when.value), row = rows[Number(which.value)];
    frameName.textContent = `${times[t]} of ${data.clip.frames}`;
    const [a, b] = await Promise.all([load(source[t]), load(row.frames[t])]);
    const below = under.getContext("2d", { willReadFrequently: true }), above = over.getContext("2d", { willReadFrequently: true });
    below.drawImage(a, 0, 0);
    above.drawImage(b, 0, 0);
    const p = below.getImageData(0, 0, width, height), q = above.getImageData(0, 0, width, height);
    let differing = 0, squared = 0, largest = 0;
    for (let i = 0; i < q.data.length; i += 4) {
      let any = false;
      for (let c = i; c < i + 3; c++) {
        const d = q.data[c] - p.data[c];
        if (d) { any = true; squared += d * d; largest = Math.max(largest, Math.abs(d)); }
        if (difference.checked) q.data[c] = 128 + 8 * d;
      }
      differing += any;
    }
    if (difference.checked) above.putImageData(q, 0, 0);
    verdict.textContent = differing
      ? `${row.label}: ${whole(differing)} of ${whole(width * height)} pixels differ, by at most ${largest}; ` +
        `${(10 * Math.log10((255 * 255 * 3 * width * height) / squared)).toFixed(2)} dB`
      : `${row.label}: every pixel of this frame is exact`;
    place();
  }
  draw();
}

// --- inside the files --------------------------------------------------------------------

const PARTS = ["#c2255c", "#e8590c", "#f08c00", "#2f9e44", "#1098ad", "#4263eb", "#7048e8", "#868e96", "#adb5bd", "#495057"];
function files() {
  if (!data.files.length) { at("inside").remove(); return; }
  for (const file of data.files) {
    const parts = Object.entries(file.breakdown).sort((a, b) => b[1] - a[1]);
    const paint = (i) => PARTS[Math.min(i, PARTS.length - 1)];
    at("files").append(
      element("h3", {}, `${file.label}: ${whole(file.bytes)} bytes, ${whole(file.sprites)} sprites`),
      element("div", { class: "stack" }, ...parts.map(([name, bytes], i) => element("i", {
        style: `width:${(100 * bytes) / file.bytes}%;background:${paint(i)}`, title: `${name}: ${whole(bytes)} bytes`,
      }))),
      element("div", { class: "parts" }, ...parts.map(([name, bytes], i) => element("span", {},
        element("span", { class: "swatch", style: `background:${paint(i)}` }),
        `${name} ${whole(bytes)} (${((100 * bytes) / file.bytes).toFixed(1)} %)`))),
      element("details", {}, element("summary", {}, "The dictionary and the backgrounds"),
        element("div", { class: "pictures" }, element("img", { class: "sheet", src: file.sheet, alt: `the sprites of ${file.label}` }),
          ...file.textures.map((uri) => element("img", { class: "sheet", src: uri, alt: "a background" })))));
  }
  at("files").querySelector("details").open = true;
}

function commands() {
  at("command-list").append(...data.rows.map((row) => element("details", {},
    element("summary", {}, row.label, row.status === "ok" ? "" : ` (${row.status})`),
    row.settings ? element("p", { class: "lead" }, row.settings) : null,
    element("pre", {}, row.command), row.ffmpeg ? element("pre", {}, row.ffmpeg) : null)));
}

head();
legend(at("rd-legend"), codecs.filter((c) => done.some((row) => row.codec === c)).map((c) => [c, colour(c)]), rdShown, rdPlot);
rdPlot();
losslessBars();
deltas();
overTime();
viewer();
files();
bigTable();
commands();
