// The paper's figure 2: the two networks at one moment of their growth, with the pictures of that moment in it.
//
// drawFigure(svg, resolution, fading) draws the structure; setFigure(svg, alpha, pictures) what moves inside a fade.

const FIGURE = {width: 660, height: 440, g: 98, d: 354, upper: 38, lower: 158, dNew: 300, dOld: 408};
const NEW = "lab-new", OLD = "lab-old";

function drawFigure(svg, resolution, fading) {
  svg.setAttribute("viewBox", `0 0 ${FIGURE.width} ${FIGURE.height}`);
  const trunk = sizesUpTo(fading ? resolution / 2 : resolution);
  const end = trunkEnd(trunk);
  svg.innerHTML = `
    <defs>${["", OLD, NEW].map((kind) => `<marker id="lab-arrow${kind}" class="${kind}" viewBox="0 0 8 8" refX="7"
      refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path
      d="M0 0L8 4L0 8z"/></marker>`).join("")}</defs>
    <text x="2" y="24" class="lab-title">Generator</text>
    <text x="2" y="304" class="lab-title">Discriminator</text>
    ${chip(22, FIGURE.g, 34, "z")} ${chip(28, FIGURE.d, 50, "score")}
    ${trunkBoxes(trunk, FIGURE.g, 1)} ${trunkBoxes(trunk, FIGURE.d, -1)}
    ${fading ? fade(resolution, end) : steady(end)}
    ${equation(resolution, fading)}
    <image class="lab-blend-picture" x="560" y="176" width="96" height="96"/>
    <rect class="lab-frame" x="560" y="176" width="96" height="96"/>`;
}

function setFigure(svg, alpha, pictures) {
  for (const [name, address] of Object.entries(pictures)) {
    const image = svg.querySelector(`.lab-${name}-picture`);
    if (image && address) image.setAttribute("href", address);
  }
  svg.style.setProperty("--lab-new", 0.15 + 0.85 * alpha);
  svg.style.setProperty("--lab-old", 0.15 + 0.85 * (1 - alpha));
  for (const number of svg.querySelectorAll("[data-number]")) {
    number.textContent = (number.dataset.number === "new" ? alpha : 1 - alpha).toFixed(2);
  }
}

function sizesUpTo(resolution) {
  const sizes = [];
  for (let size = 4; size <= resolution; size *= 2) sizes.push(size);
  return sizes.length > 3 ? [4, null, resolution] : sizes; // null: the ones left out
}

const trunkX = (index) => 104 + 74 * index;
const half = (size) => (size === null ? 14 : 30);
const trunkEnd = (trunk) => trunkX(trunk.length - 1) + 30;
const blockHeight = (size) => 28 + 5 * (Math.log2(size) - 2);

function trunkBoxes(trunk, y, direction) {
  const arrow = (from, to) => (direction > 0 ? line(`M${from} ${y}H${to}`) : line(`M${to} ${y}H${from}`));
  return trunk.map((size, index) => {
    const x = trunkX(index), first = direction > 0 ? 40 : 54;
    const before = index ? trunkX(index - 1) + half(trunk[index - 1]) : first;
    const box = size === null ? `<text x="${x}" y="${y + 6}">···</text>` : block(x, y, size);
    return arrow(before + (direction > 0 ? 0 : 1), x - half(size)) + box;
  }).join("");
}

function fade(resolution, end) {
  const {g, d, upper, lower, dNew, dOld} = FIGURE;
  return `
    ${line(`M${end} ${g}H290V${upper}H298`, OLD)} ${chip(330, upper, 62, "toRGB", OLD)}
    ${line(`M361 ${upper}H388`, OLD)} ${chip(407, upper, 36, "2×", OLD)} ${line(`M426 ${upper}H470`, OLD)}
    <text class="lab-note lab-old-fill" x="300" y="15">old branch, enlarged</text>
    <text class="lab-note lab-new-fill" x="300" y="203">new branch</text>
    <text x="553" y="230" text-anchor="end" class="lab-note">their blend</text>
    ${picture("old", 472, 4)} ${line(`M541 ${upper}H580V${g - 13}`, OLD)}
    ${line(`M${end} ${g}H290V${lower}H292`, NEW)} ${chip(310, lower, 34, "2×", NEW)}
    ${line(`M327 ${lower}H339`, NEW)} ${block(369, lower, resolution, NEW)}
    ${line(`M399 ${lower}H408`, NEW)} ${chip(437, lower, 58, "toRGB", NEW)} ${line(`M466 ${lower}H472`, NEW)}
    ${picture("new", 472, 124)} ${line(`M541 ${lower}H580V${g + 13}`, NEW)}
    ${plus(580, g)} ${line(`M592 ${g}H630V174`)}
    ${weight("old", 560, g - 5, "1 − α =", "end")} ${weight("new", 560, g + 17, "α =", "end")}
    ${line(`M624 274V${dNew}H582`, NEW)} ${chip(544, dNew, 74, "fromRGB", NEW)} ${line(`M507 ${dNew}H484`, NEW)}
    ${block(452, dNew, resolution, NEW)} ${line(`M422 ${dNew}H404`, NEW)} ${chip(384, dNew, 36, "½×", NEW)}
    ${line(`M366 ${dNew}H316V${d - 13}`, NEW)}
    ${line(`M640 274V${dOld}H602`, OLD)} ${chip(582, dOld, 36, "½×", OLD)} ${line(`M564 ${dOld}H491`, OLD)}
    ${chip(452, dOld, 74, "fromRGB", OLD)} ${line(`M415 ${dOld}H316V${d + 13}`, OLD)}
    ${plus(316, d)} ${line(`M303 ${d}H${end + 2}`)}
    ${weight("new", 336, d - 4, "α =", "start")} ${weight("old", 336, d + 18, "1 − α =", "start")}`;
}

function steady(end) {
  const {g, d} = FIGURE;
  return `
    ${line(`M${end} ${g}H390`)} ${chip(424, g, 64, "toRGB")} ${line(`M456 ${g}H608V174`)}
    ${line(`M608 274V${d}H466`)} ${chip(426, d, 76, "fromRGB")} ${line(`M388 ${d}H${end + 2}`)}`;
}

// The equation between the two networks, its weights filled in by setFigure.
function equation(resolution, fading) {
  if (!fading) return `<text class="lab-equation" x="2" y="222">x = toRGB(h<tspan dy="5" font-size="13">${resolution}</tspan><tspan dy="-5">)</tspan></text>`;
  const part = (kind) => `<tspan class="lab-${kind}-fill" data-number="${kind}"></tspan>`;
  const sub = (size, after) => `<tspan dy="5" font-size="13">${size}</tspan><tspan dy="-5">${after}</tspan>`;
  const old = `2×(x${sub(resolution / 2, ")")}`, fresh = `x${sub(resolution, "")}`;
  return `<text class="lab-equation" x="2" y="212">x = (1 − α) · ${old} + α · ${fresh}</text>
    <text class="lab-equation" x="2" y="242">&#160;&#160; = ${part("old")} · ${old} + ${part("new")} · ${fresh}</text>`;
}

function block(x, y, size, kind = "") {
  const height = blockHeight(size), label = size > 99 ? `${size}²` : `${size}×${size}`;
  return `<rect class="lab-block ${kind}" x="${x - 30}" y="${y - height / 2}" width="60" height="${height}" rx="4"/>
    <text x="${x}" y="${y + 5.5}" class="lab-on-block">${label}</text>`;
}

function chip(x, y, width, label, kind = "") {
  return `<rect class="lab-chip ${kind}" x="${x - width / 2}" y="${y - 14}" width="${width}" height="28" rx="14"/>
    <text x="${x}" y="${y + 5}">${label}</text>`;
}

function picture(name, x, y) {
  return `<image class="lab-${name}-picture lab-${name}" x="${x}" y="${y}" width="68" height="68"/>
    <rect class="lab-frame lab-${name}" x="${x}" y="${y}" width="68" height="68"/>`;
}

const line = (path, kind = "") => `<path class="lab-line ${kind}" d="${path}" marker-end="url(#lab-arrow${kind})"/>`;
const plus = (x, y) => `<circle class="lab-plus" cx="${x}" cy="${y}" r="12"/>
  <path class="lab-line" d="M${x - 7} ${y}H${x + 7}M${x} ${y - 7}V${y + 7}"/>`;
const weight = (kind, x, y, label, anchor) => `<text x="${x}" y="${y}" text-anchor="${anchor}"
  class="lab-weight lab-${kind}-fill">${label} <tspan data-number="${kind}"></tspan></text>`;
