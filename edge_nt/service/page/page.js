"use strict";
// The status page asks /state.json a few times a second and draws what it says. Text goes in as text only.

const POLL_MS = 250, HIDDEN_POLL_MS = 2000, PATIENCE_MS = 3000, SPAN_S = 60;
// Nothing is known of the time between frames that are further apart.
const GAP_S = 2;
const SVG = "http://www.w3.org/2000/svg";
const PICTURES = ["scan", "reconstruction", "error"];
const STATE_CLASS = { "ok": "ok", "caution": "caution", "out of distribution": "out" };
const BADGE_CLASS = { "ok": "good", "caution": "caution", "out of distribution": "bad" };

const at = (id) => document.getElementById(id);
let trace = [], startedAt = null, shown = null, shownNumber = 0, region = regionOfAddress();
// When the frame that is seen was written, on performance.now().
let writtenMs = null, silentSince = null;

function say(id, text) {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
}

function badge(id, text, kind) {
  say(id, text);
  at(id).className = `badge ${kind}`;
}

// Without an end to its patience, an answer that never comes would leave the page as it is, and say nothing.
const ask = (path) => fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) });

async function poll() {
  const query = new URLSearchParams({ after: trace.length ? trace[trace.length - 1].number : 0 });
  if (region) query.set("region", region.join(","));
  try {
    const answer = await ask(`/state.json?${query}`);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const state = await answer.json();
    // A service that was started anew counts its frames anew.
    if (startedAt !== null && startedAt !== state.now.started_at_s) { trace = []; shownNumber = 0; }
    startedAt = state.now.started_at_s;
    // 1970 on performance.now(), whatever the clocks of the two machines say of each other.
    const epochMs = performance.now() - 1000 * state.now.at_s;
    draw(state);
    await showPictures(state.shown, epochMs);
    silentSince = null;
  } catch (error) {
    silentSince = silentSince ?? new Date();
  }
  drawAge();
  setTimeout(poll, document.hidden ? HIDDEN_POLL_MS : POLL_MS);
}

function draw(state) {
  const now = state.now, ready = now.not_ready === null;
  badge("service", ready ? "ready" : `not ready: ${now.not_ready}`, ready ? "good" : "bad");
  say("head-source", now.source.name);
  trace = trace.concat(state.trace).filter((point) => point.at_s > now.at_s - SPAN_S);
  drawOod(now, trace);
  drawLatency(now, state.latency);
  drawRegion(state);
  drawFacts(state);
  shown = state.shown;
  document.body.classList.toggle("stale", !ready);
}

async function showPictures(frame, epochMs) {
  if (frame === null || frame.number === shownNumber) return;
  const answers = await Promise.all(PICTURES.map((kind) => ask(`/${kind}.png?frame=${frame.number}`)));
  if (!answers.every((answer) => answer.ok)) return;
  const blobs = await Promise.all(answers.map((answer) => answer.blob()));
  PICTURES.forEach((kind, index) => {
    const image = at(kind), before = image.src;
    image.src = URL.createObjectURL(blobs[index]);
    image.alt = `${kind} of frame ${frame.number}`;
    image.hidden = false;
    if (before) URL.revokeObjectURL(before);
    // As large as the row allows, with the shape of the source.
    image.parentElement.style.aspectRatio = `${frame.width_px} / ${frame.height_px}`;
  });
  shownNumber = frame.number;
  writtenMs = epochMs + 1000 * frame.written_at_s;
  say("frame-name", frame.name.split("/").pop());
  at("frame-name").title = frame.name;
  say("frame-time", `frame ${frame.number}, taken ${new Date(frame.taken_at_s * 1000).toLocaleTimeString()}`);
  drawRectangle();
}

function drawAge() {
  const gone = silentSince !== null;
  at("gone").hidden = !gone;
  if (gone) {
    say("gone", `The service has not answered since ${silentSince.toLocaleTimeString()}. What is shown here is old.`);
    badge("service", "no answer", "bad");
    badge("ood", "OOD state unknown", "bad");
    document.body.classList.add("stale");
  }
  const ageS = writtenMs === null ? null : (performance.now() - writtenMs) / 1000;
  // A folder may be quiet for long without anything being wrong; how old the picture is has to be seen then too.
  const words = ageS !== null && ageS > 2 ? `this picture is ${duration(ageS)} old` : "";
  document.querySelectorAll(".age").forEach((element) => { element.textContent = words; });
}

function duration(seconds) {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

function drawOod(now, points) {
  const newest = points[points.length - 1], state = now.ood?.state;
  const reason = now.ood?.reason ? `: ${now.ood.reason}` : "";
  badge("ood", state === undefined ? (newest ? "OOD state unknown: no frames" : "no frame yet") : `OOD state: ${state}${reason}`, BADGE_CLASS[state] ?? "");
  const limit = now.ood_threshold;
  const words = newest ? `score ${newest.score.toFixed(2)}, threshold ${limit.toFixed(2)}` : "";
  say("ood-words", words);
  plot("ood-trace", now.at_s, points, (point) => point.score, 2 * limit, limit, "threshold");
  stateBand(at("ood-trace"), now.at_s, points);
  at("ood-trace").setAttribute("aria-label", `OOD score of the last minute: ${state ?? "no frame"}, ${words}`);
}

function drawLatency(now, latency) {
  const ms = (value) => value.toFixed(value < 10 ? 1 : 0);
  const words = latency === null ? "" : `p50 ${ms(latency.p50_ms)}, p95 ${ms(latency.p95_ms)}, p99 ${ms(latency.p99_ms)} ms`;
  say("latency-words", words);
  plot("latency-trace", now.at_s, trace, (point) => point.latency_ms, 10, null, "", " ms");
  at("latency-trace").setAttribute("aria-label", `Latency of the last minute: ${words || "no frame"}`);
}

function shape(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function plot(id, nowS, points, value, leastTop, limit, limitName, unit = "") {
  const svg = at(id), width = svg.clientWidth, height = svg.clientHeight - 8;
  const top = points.reduce((most, point) => Math.max(most, value(point)), leastTop) * 1.1;
  const x = (point) => (1 - (nowS - point.at_s) / SPAN_S) * width, y = (each) => height * (1 - each / top);
  const parts = [];
  if (limit !== null) {
    parts.push(shape("line", { x1: 0, x2: width, y1: y(limit), y2: y(limit) }));
    parts.push(shape("text", { x: 4, y: y(limit) - 3 }, `${limitName} ${limit.toFixed(2)}`));
  }
  for (const stretch of stretches(points)) {
    const places = stretch.map((point) => `${x(point).toFixed(1)},${y(value(point)).toFixed(1)}`);
    // The first one twice, so that a frame that stands alone is a dot.
    parts.push(shape("polyline", { points: [places[0], ...places].join(" ") }));
  }
  parts.push(shape("text", { x: width - 4, y: 12, "text-anchor": "end" }, `top ${(top).toPrecision(3)}${unit}`));
  svg.replaceChildren(...parts);
}

function stretches(points) {
  const found = [];
  points.forEach((point, index) => {
    const apartS = index ? point.at_s - points[index - 1].at_s : Infinity;
    if (apartS >= 0 && apartS <= GAP_S) found[found.length - 1].push(point);
    else found.push([point]);
  });
  return found;
}

function stateBand(svg, nowS, points) {
  // The state under the score: colour, and its name where it begins.
  const width = svg.clientWidth, bottom = svg.clientHeight;
  const x = (atS) => Math.max(0, (1 - (nowS - atS) / SPAN_S) * width);
  const runs = [];
  for (const stretch of stretches(points)) {
    let last = null;
    for (const point of stretch) {
      if (last) last.to = point.at_s;
      if (last?.state !== point.state) runs.push(last = { state: point.state, from: point.at_s, to: point.at_s });
    }
  }
  runs.forEach((run) => {
    const from = x(run.from);
    const box = { x: from, y: bottom - 6, width: Math.max(x(run.to) - from, 1), height: 6 };
    svg.append(shape("rect", { ...box, class: STATE_CLASS[run.state] ?? "" }));
    if (box.width > 7 * run.state.length) svg.append(shape("text", { x: from + 2, y: bottom - 9 }, run.state));
  });
}

function drawRegion(state) {
  const found = state.region;
  if (state.region_error) say("region-figures", state.region_error);
  if (!found) return;
  const names = { rectangle: "Rectangle", sector: "Sector of the display", frame: "Whole frame" };
  const edge = found.edge_mae === null ? "" : `, edge MAE ${found.edge_mae.toFixed(4)}`;
  say("region-of", names[found.of]);
  say("region-figures", `MAE ${found.mae.toFixed(4)}${edge}, largest ${found.largest.toFixed(3)} (of 1, at network size)`
    + (found.of === "rectangle" ? "" : ". Drag a rectangle on the scan for the figures inside it."));
}

function drawFacts(state) {
  at("synthetic").hidden = !state.now.bundle.synthetic;
  const { now } = state, { counts, bundle, device } = now, failure = state.last_failure;
  const share = counts.done ? ` (${(100 * now.out_of_distribution / counts.done).toFixed(1)} %)` : "";
  list("counts", [
    ["offered", counts.offered], ["taken", counts.taken], ["dropped", counts.dropped], ["done", counts.done],
    ["above OOD threshold", `${now.out_of_distribution}${share}`], ["failed", counts.failed],
    ["write errors", counts.write_errors], ...(failure ? [["last failure", `${failure.name}: ${failure.error}`]] : []),
  ]);
  list("bundle", [
    ["bundle", `${bundle.structure}, ${bundle.precision}${bundle.synthetic ? ", trained on SYNTHETIC phantoms" : ""}`],
    ["verdict", `${bundle.verdict}: ${bundle.verdict_says}`], ["backend", `${bundle.backend}, ${bundle.jobs} at a time`],
    ["version", `edge-nt ${bundle.edge_nt_version}, bundle ${bundle.sha256.slice(0, 12)}…`],
    ["drift", drift(now.drift)],
    ["up since", new Date(now.started_at_s * 1000).toLocaleString()],
  ]);
  const absent = (name) => ({ words: "not measured", why: device.not_measured[name] ?? "" });
  const zones = Object.entries(device.temperatures_c).map(([zone, celsius]) => `${zone} ${celsius.toFixed(0)} °C`);
  const gb = (mb) => `${(mb / 1000).toFixed(1)} GB`;
  list("device", [
    ["temperature", zones.join(", ") || absent("temperatures_c")],
    ["power", device.power_w === null ? absent("power_w") : `${device.power_w.toFixed(1)} W (${device.power_meter})`],
    ["memory", device.memory ? `${gb(device.memory.available_mb)} of ${gb(device.memory.total_mb)} free` : absent("memory")],
    ["this service", device.resident_mb === null ? absent("resident_mb") : `${device.resident_mb.toFixed(0)} MB`],
    ["disk", device.disk ? `${gb(device.disk.free_mb)} free` : absent("disk")],
  ]);
}

function drift(state) {
  const wealth = `${state.exams} examinations, wealth 10^${state.wealth_log10.toFixed(1)} of 10^${state.alarm_log10.toFixed(1)}`;
  return state.alarmed_at_s === null ? `no alarm: ${wealth}` : `ALARM since ${new Date(state.alarmed_at_s * 1000).toLocaleString()}`;
}

function list(id, rows) {
  const parts = rows.flatMap(([name, value]) => {
    const term = document.createElement("dt"), words = document.createElement("dd");
    term.textContent = name;
    words.textContent = value.words ?? value;
    if (value.why) words.title = value.why;
    return [term, words];
  });
  at(id).replaceChildren(...parts);
}

function regionOfAddress() {
  const found = /^#region=(\d+),(\d+),(\d+),(\d+)$/.exec(location.hash);
  return found ? found.slice(1).map(Number) : null;
}

function setRegion(edges) {
  region = edges;
  history.replaceState(null, "", edges ? `#region=${edges.join(",")}` : location.pathname);
  const fields = at("region-form").elements;
  ["top", "left", "bottom", "right"].forEach((name, index) => { fields[name].value = edges ? edges[index] : ""; });
  drawRectangle();
}

function drawRectangle() {
  document.querySelectorAll(".rectangle").forEach((element) => element.remove());
  if (!region || !shown) return;
  const [top, left, bottom, right] = region, percent = (part, whole) => `${(100 * part) / whole}%`;
  document.querySelectorAll(".picture").forEach((box) => {
    const mark = document.createElement("div");
    mark.className = "rectangle";
    mark.style.top = percent(top, shown.height_px);
    mark.style.left = percent(left, shown.width_px);
    mark.style.height = percent(bottom - top, shown.height_px);
    mark.style.width = percent(right - left, shown.width_px);
    box.append(mark);
  });
}

function listenForDrags() {
  const box = at("scan-box");
  let start = null;
  const place = (event) => {
    const bounds = box.getBoundingClientRect(), clamp = (value) => Math.min(Math.max(value, 0), 1);
    return [Math.round(clamp((event.clientY - bounds.top) / bounds.height) * shown.height_px),
      Math.round(clamp((event.clientX - bounds.left) / bounds.width) * shown.width_px)];
  };
  const move = (event) => {
    const [y, x] = place(event), [y0, x0] = start;
    const edges = [Math.min(y0, y), Math.min(x0, x), Math.max(y0, y), Math.max(x0, x)];
    if (edges[2] > edges[0] && edges[3] > edges[1]) setRegion(edges);
  };
  box.addEventListener("pointerdown", (event) => {
    if (!shown || event.button !== 0) return;
    event.preventDefault();
    start = place(event);
    box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => { if (start) move(event); });
  box.addEventListener("pointerup", () => { start = null; });
  box.addEventListener("pointercancel", () => { start = null; });
}

at("region-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = at("region-form").elements;
  setRegion(["top", "left", "bottom", "right"].map((name) => Number(fields[name].value)));
});
at("region-clear").addEventListener("click", () => setRegion(null));
listenForDrags();
if (region) setRegion(region);
poll();
