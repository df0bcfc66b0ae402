
// The page: a point z, chosen on the map, with the sliders or by typing, and everything that shows it.

const content = JSON.parse(document.getElementById("content").textContent);
const { shape, latentDim, extent } = content;
const network = content.network.map((layer) => "weight" in layer
  ? { ...layer, weight: fromBase64(layer.weight), bias: fromBase64(layer.bias) } : layer);
const points = fromBase64(content.points); // (count, latentDim)
const colourings = content.colourings.map((each) => ({ ...each, of: fromBase64(each.of, Uint16Array) }));
const COLOURS = ["#4e79a7", "#f28e2b", "#e15759", "#3aa6a0", "#59a14f", "#c9a000", "#b07aa1", "#ff7f9c", "#9c6b4a",
  "#7f8c9b"];
const BACKDROP = 15; // pictures in a row of the backdrop
const element = (id) => document.getElementById(id);
const cssColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let chosen = new Array(latentDim).fill(0); // the point that stays when the pointer leaves
let strengths = content.concepts.map(() => 0); // of the directions, counted from `chosen`
let hovered = null; // a point under the pointer that was not chosen
let axes = latentDim > 1 ? [0, 1] : [0, null]; // the dimensions of the map; null: up and down mean nothing
let colouring = colourings[0];
let picked = null; // the class that stands out
let gliding = 0; // the number of the running glide

// ------------------------------------------------------------------------------------------------- the point

/** z = chosen + sum of strength times direction */
function target() {
  const z = [...chosen];
  content.concepts.forEach((concept, k) => {
    for (let d = 0; d < latentDim; d++) z[d] += strengths[k] * concept.direction[d];
  });
  return z;
}

/** Choose a point; the directions count from there. */
function choose(z) {
  chosen = [...z];
  strengths.fill(0);
  hovered = null;
  show();
}

/** Go to a point in half a second, through all that lies between, or at once where the reader wants it calm. */
function glideTo(z) {
  const [from, begun, mine] = [target(), performance.now(), ++gliding];
  const step = (now) => {
    if (mine !== gliding) return;
    const t = calm.matches ? 1 : Math.min(Math.max(0, (now - begun) / 500), 1);
    choose(from.map((value, d) => value + (z[d] - value) * t * t * (3 - 2 * t)));
    if (t < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

/** The encoded picture that is nearest to z, over all dimensions: {index, distance}. */
function nearest(z) {
  const found = { index: -1, distance: Infinity };
  for (let n = 0; n < content.count; n++) {
    let square = 0;
    for (let d = 0; d < latentDim; d++) square += (points[n * latentDim + d] - z[d]) ** 2;
    if (square < found.distance) Object.assign(found, { index: n, distance: square });
  }
  found.distance = Math.sqrt(found.distance);
  return found;
}

/** What the labels say of encoded picture n. */
function described(n) {
  if (!colourings.length) return "an encoded picture";
  if (colourings[0].name === "class") return colourings[0].groups[colourings[0].of[n]];
  const has = colourings.filter((each) => each.of[n]).map((each) => each.name);
  return has.length ? has.join(", ") : "one without any of the attributes";
}

const twoDigits = (value) => value.toFixed(2).replace("-0.00", "0.00");
const words = (z) => z.map(twoDigits).join(", ");

// --------------------------------------------------------------------------------------------------- showing

let drawn = null; // the last picture, for those who look from outside
let waiting = false;

/** Bring everything up to date with the point, once before the next frame is drawn. */
function show() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const z = hovered ?? target();
    drawn = { z, picture: decode(network, z) };
    paint(element("picture"), drawn.picture);
    drawMarker(z);
    const { index, distance } = nearest(z);
    const near = `nearest of the encoded pictures: ${described(index)} (${distance.toFixed(2)} away)`;
    element("nearest").textContent = near;
    element("picture").setAttribute("aria-label", `Decoded picture; ${near}`);
    element("marker").setAttribute("aria-label", `Map of the latent space, at ${words(z)}`);
    if (document.activeElement !== element("z")) element("z").value = words(z);
    showSliders(z);
    if (hovered === null) refreshBackdrop(z);
  });
}

/** Put a picture (C, H, W) on a canvas of its size. */
function paint(canvas, { data, shape: [channels, height, width] }) {
  const image = new ImageData(width, height);
  for (let p = 0; p < height * width; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = data[(channels === 3 ? c : 0) * height * width + p];
    image.data[4 * p + 3] = 255;
  }
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// --------------------------------------------------------------------------------------------------- the map

/** The context of a canvas over the map, cleared, in units of the page. */
function cleared(canvas) {
  const side = canvas.clientWidth;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(side * scale)) canvas.width = canvas.height = Math.round(side * scale);
  const context = canvas.getContext("2d");
  context.setTransform(canvas.width / side, 0, 0, canvas.width / side, 0, 0);
  context.clearRect(0, 0, side, side);
  return [context, side];
}

/** Where coordinates lie on a map of the given side, upwards is positive. */
const place = (x, y, side) => [(x / extent + 1) * side / 2, (1 - y / extent) * side / 2];

/** The point under a pointer: `target` with its two coordinates on the map changed. */
function pointAt(event) {
  const box = element("marker").getBoundingClientRect();
  const z = target();
  z[axes[0]] = ((event.clientX - box.left) / box.width * 2 - 1) * extent;
  if (axes[1] !== null) z[axes[1]] = (1 - (event.clientY - box.top) / box.height * 2) * extent;
  return z;
}

/** The second coordinate of encoded picture n on the map; with one dimension only: spread, so that it can be seen. */
const upwards = (n) => axes[1] === null ? ((n * 0.618034) % 1 - 0.5) * extent : points[n * latentDim + axes[1]];

const colourOf = (k) => colouring.groups.length > COLOURS.length
  ? `hsl(${360 * k / colouring.groups.length} 60% 52%)` : COLOURS[k];

function drawMap() {
  const [context, side] = cleared(element("dots"));
  if (element("show-backdrop").checked) drawBackdrop(context, side);
  else drawGrid(context, side);
  if (element("show-dots").checked) drawDots(context, side);
}

function drawGrid(context, side) {
  context.strokeStyle = cssColour("--line");
  context.fillStyle = cssColour("--soft");
  context.font = "11px system-ui, sans-serif";
  for (let value = -Math.floor(extent); value <= extent; value++) {
    const [x, y] = place(value, value, side);
    context.lineWidth = value === 0 ? 2 : 1;
    context.beginPath();
    context.moveTo(x, 0); context.lineTo(x, side);
    if (axes[1] !== null) { context.moveTo(0, y); context.lineTo(side, y); }
    context.stroke();
    context.fillText(value, x + 3, side - 4);
    if (axes[1] !== null && value !== -Math.floor(extent)) context.fillText(value, 3, y - 3);
  }
}

function drawDots(context, side) {
  const radius = side < 420 ? 1.6 : 2.2;
  context.fillStyle = cssColour("--blue");
  for (let n = 0; n < content.count; n++) {
    const [x, y] = place(points[n * latentDim + axes[0]], upwards(n), side);
    if (colouring) {
      const group = colouring.of[n];
      context.fillStyle = colourOf(group);
      context.globalAlpha = picked === null ? 0.75 : group === picked ? 1 : 0.08;
    }
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  if (colouring && colouring.name === "class" && colouring.groups.length <= 12) nameGroups(context, side);
}

/** Write each class's name where its middle is: colours alone are not for everybody. */
function nameGroups(context, side) {
  context.font = "600 15px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 4;
  context.lineJoin = "round";
  const taken = [];
  colouring.groups.forEach((name, k) => {
    const members = [...colouring.of.keys()].filter((n) => colouring.of[n] === k);
    if (!members.length) return;
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    const across = middle(members.map((n) => points[n * latentDim + axes[0]]));
    let [x, y] = place(across, middle(members.map(upwards)), side);
    while (taken.some((other) => Math.abs(other[0] - x) < 14 && Math.abs(other[1] - y) < 16)) y += 4; // side by side
    taken.push([x, y]);
    context.strokeStyle = cssColour("--card");
    context.fillStyle = cssColour("--ink");
    context.strokeText(name, x, y);
    context.fillText(name, x, y);
  });
  context.textAlign = "start";
  context.textBaseline = "alphabetic";
}

function drawMarker(z) {
  const [context, side] = cleared(element("marker"));
  const [x, y] = place(z[axes[0]], axes[1] === null ? 0 : z[axes[1]], side);
  for (const [width, colour] of [[4, cssColour("--card")], [1.5, cssColour("--ink")]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    context.arc(x, y, 8, 0, 2 * Math.PI);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 8 * dx, y + 8 * dy);
      context.lineTo(x + 14 * dx, y + 14 * dy);
    }
    context.stroke();
  }
}

// ---------------------------------------------------------------------------------------------- the backdrop

let backdrop = []; // canvases, from the upper left
let backdropFor = ""; // what they were decoded for
let backdropTask = 0;

/** Decode the lattice anew if it was for other coordinates off the map: some pictures in every frame. */
function refreshBackdrop(z) {
  if (!element("show-backdrop").checked) return;
  const rest = z.map((value, d) => axes.includes(d) ? "" : value.toFixed(3));
  const wanted = `${axes}:${rest}`;
  if (wanted === backdropFor) return;
  backdropFor = wanted;
  backdrop = [];
  const mine = ++backdropTask;
  const some = () => {
    const until = performance.now() + 12;
    while (mine === backdropTask && backdrop.length < BACKDROP ** 2 && performance.now() < until) {
      const [row, column] = [Math.floor(backdrop.length / BACKDROP), backdrop.length % BACKDROP];
      const at = [...z];
      at[axes[0]] = (2 * (column + 0.5) / BACKDROP - 1) * extent;
      if (axes[1] !== null) at[axes[1]] = (1 - 2 * (row + 0.5) / BACKDROP) * extent;
      const canvas = document.createElement("canvas");
      paint(canvas, decode(network, at));
      backdrop.push(canvas);
    }
    if (mine !== backdropTask) return;
    drawMap();
    if (backdrop.length < BACKDROP ** 2) requestAnimationFrame(some);
  };
  some();
}

function drawBackdrop(context, side) {
  backdrop.forEach((canvas, i) => {
    const cell = side / BACKDROP;
    context.drawImage(canvas, (i % BACKDROP) * cell, Math.floor(i / BACKDROP) * cell, cell, cell);
  });
}

// ----------------------------------------------------------------------------------------------- the sliders

/** A labelled slider; returns the function that shows a value on it. */
function addSlider(parent, name, remark, reach, onInput) {
  const label = document.createElement("label");
  const [text, input, output] = ["span", "input", "output"].map((kind) => document.createElement(kind));
  text.textContent = name;
  if (remark) {
    const small = document.createElement("small");
    small.textContent = remark;
    text.append(small);
  }
  Object.assign(input, { type: "range", min: -reach, max: reach, step: 0.01 });
  input.addEventListener("input", () => { gliding++; onInput(Number(input.value)); });
  label.append(text, input, output);
  parent.append(label);
  return (value) => {
    input.value = value;
    output.textContent = twoDigits(value);
  };
}

let dimensionSliders = []; // [dimension, function that shows a value]
let conceptSliders = [];

function buildSliders() {
  element("dimension-sliders").replaceChildren();
  dimensionSliders = [];
  for (let d = 0; d < latentDim; d++) {
    if (axes.includes(d)) continue;
    const set = (value) => choose(target().map((old, k) => k === d ? value : old));
    dimensionSliders.push([d, addSlider(element("dimension-sliders"), `z${d + 1}`, "", extent, set)]);
  }
  element("others").hidden = dimensionSliders.length === 0;
}

function buildConcepts() {
  conceptSliders = content.concepts.map(({ name, tells }, k) => {
    const remark = tells === null ? "" : `${Math.round(100 * tells)} %`;
    return addSlider(element("concept-sliders"), name, remark, 2, (value) => {
      hovered = null;
      strengths[k] = value;
      show();
    });
  });
  element("concepts").hidden = conceptSliders.length === 0;
}

function showSliders(z) {
  for (const [d, set] of dimensionSliders) set(z[d]);
  conceptSliders.forEach((set, k) => set(hovered === null ? strengths[k] : 0));
}

// ---------------------------------------------------------------------------------------- choices and buttons

function buildLegend() {
  picked = null;
  const buttons = !colouring ? [] : colouring.groups.map((name, k) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: name });
    button.style.setProperty("--colour", colourOf(k));
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      picked = picked === k ? null : k;
      buttons.forEach((each, i) => each.setAttribute("aria-pressed", String(i === picked)));
      drawMap();
    });
    return button;
  });
  element("legend").replaceChildren(...buttons);
}

function buildChoices() {
  const colourBy = element("colour-by");
  colourings.forEach((each, k) => colourBy.add(new Option(each.name, k)));
  element("colour-by-label").hidden = colourings.length < 2;
  colourBy.addEventListener("change", () => {
    colouring = colourings[colourBy.value];
    buildLegend();
    drawMap();
  });
  const selects = [element("axis-x"), element("axis-y")];
  element("axes").hidden = latentDim < 3;
  selects.forEach((select, k) => {
    for (let d = 0; d < latentDim; d++) select.add(new Option(`z${d + 1}`, d));
    select.addEventListener("change", () => {
      const before = axes[k];
      axes[k] = Number(select.value);
      if (axes[0] === axes[1]) axes[1 - k] = before; // the two change places
      selects.forEach((each, i) => { each.value = axes[i]; });
      buildSliders();
      drawMap();
      show();
    });
    select.value = axes[k];
  });
  for (const id of ["show-dots", "show-backdrop"]) {
    element(id).addEventListener("change", () => { drawMap(); show(); });
  }
}

/** A draw from the normal distribution (Box and Muller). */
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

async function copy() {
  try {
    await navigator.clipboard.writeText(element("z").value);
    element("message").textContent = "copied";
  } catch {
    element("z").select();
    element("message").textContent = "marked; copy it with Ctrl-C";
  }
}

function typed() {
  const values = element("z").value.split(/[\s,;]+/).filter(Boolean).map(Number);
  if (values.length === latentDim && values.every(Number.isFinite)) {
    element("message").textContent = "";
    glideTo(values);
  } else {
    element("message").textContent = `z takes ${latentDim} numbers, with commas between them`;
  }
}

// ------------------------------------------------------------------------------------- pointer and keyboard

function listen() {
  const map = element("marker");
  map.addEventListener("pointermove", (event) => {
    if (map.hasPointerCapture(event.pointerId)) return choose(pointAt(event));
    gliding++;
    hovered = pointAt(event);
    show();
  });
  map.addEventListener("pointerdown", (event) => {
    gliding++;
    map.setPointerCapture(event.pointerId);
    choose(pointAt(event));
  });
  map.addEventListener("pointerleave", () => { hovered = null; show(); });
  map.addEventListener("keydown", (event) => {
    const step = extent / (event.shiftKey ? 10 : 50);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowDown: [0, -step], ArrowUp: [0, step] };
    const z = target();
    if (event.key === "Home") axes.forEach((d) => { if (d !== null) z[d] = 0; });
    else if (event.key in moves) {
      axes.forEach((d, k) => {
        if (d !== null) z[d] = Math.min(Math.max(z[d] + moves[event.key][k], -extent), extent);
      });
    } else return;
    event.preventDefault();
    gliding++;
    choose(z);
  });
  element("reset").addEventListener("click", () => glideTo(chosen.map(() => 0)));
  element("random").addEventListener("click", () => glideTo(chosen.map(normal)));
  element("copy").addEventListener("click", copy);
  element("z").addEventListener("change", typed);
  new ResizeObserver(() => { drawMap(); show(); }).observe(map);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawMap(); show(); });
}

const sizes = `${shape[2]} x ${shape[1]}${shape[0] === 3 ? " in colour" : ""}`;
element("lead").textContent = `Every point of a space of ${latentDim} dimension${latentDim > 1 ? "s" : ""} is a picture `
  + `(${sizes}). The dots are ${content.count.toLocaleString("en")} pictures of ${content.data} that the network was not `
  + "trained on, where it puts them.";
// before the first picture is there: else the page would move under the reader's finger once it is
[, element("picture").height, element("picture").width] = shape;
buildChoices();
buildLegend();
buildSliders();
buildConcepts();
listen();
show();
