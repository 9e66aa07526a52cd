// One step in slow motion: four acts with the numbers of this very step.

const ACTS = ["Draw", "Judge", "The discriminator learns", "The generator learns"];

function showActs(place, acts, data, chosen) {
  const names = ACTS.map((name, i) => `<button type="button" class="${i === chosen ? "lab-first" : ""}">${i + 1}. ${name}</button>`);
  place.hidden = false;
  place.innerHTML = `<h3>Step ${acts.step} in four acts</h3><div class="lab-steps">${names.join("")}</div>
    ${[drawn, judged, taught, learned][chosen](acts, data)}`;
  [...place.querySelectorAll(".lab-steps button")].forEach((button, i) => {
    button.onclick = () => showActs(place, acts, data, i);
  });
  const canvas = place.querySelector("canvas");
  if (canvas) scoreChart(canvas, scoresOf(acts, chosen), {});
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const digits = (value) => (value === null ? "no number" : minus(String(Number(value.toPrecision(3)))));
const picture = (acts, name, words) => `<figure><figcaption>${words}</figcaption>
  <div class="lab-tiles" style="--rows:${Math.ceil(acts.latents.length / 4)}"><img src="${acts[name]}" alt=""></div></figure>`;
const chart = '<figure><figcaption>Scores of <i class="lab-real">reals</i> and <i class="lab-fake">fakes</i></figcaption><canvas style="width:280px;height:150px"></canvas></figure>';

function scoresOf(acts, chosen) {
  if (chosen === 1) return [acts.real_scores, acts.fake_scores];
  return [acts.judged_after.real, chosen === 2 ? acts.judged_after.fake : acts.judged_after.new];
}

function drawn(acts) {
  return `<p>${acts.count} latents are drawn at random, and ${acts.count} real pictures. The generator makes a picture of each latent. ${acts.count > 16 ? "Sixteen of each are shown." : ""}</p>
    <div class="lab-shown">${latents(acts.latents)}${picture(acts, "fakes", "Fakes")}${picture(acts, "reals", "Reals")}</div>`;
}

function judged(acts, data) {
  return `<p>The discriminator gives every picture a score: reals ${digits(mean(acts.real_scores))} on average, fakes ${digits(mean(acts.fake_scores))}.</p>
    <div class="lab-shown">${chart}${picture(acts, "fakes", "Fakes")}${picture(acts, "reals", "Reals")}</div>
    <p>Its loss, the mean of ${data.formulas[acts.loss][0]}, is <b>${digits(acts.discriminator_loss)}</b>.
    ${acts.penalty === null ? "The gradient penalty is lazy and leaves this step out." : `The gradient penalty is <b>${digits(acts.penalty)}</b>.`}</p>`;
}

function taught(acts) {
  const before = mean(acts.real_scores) - mean(acts.fake_scores), after = mean(acts.judged_after.real) - mean(acts.judged_after.fake);
  return `<p>The discriminator's weights take one step against its gradient. On the same pictures, reals now lie ${digits(after)} above fakes; before, ${digits(before)}.</p>
    <div class="lab-shown">${chart}${moved(acts.moved.discriminator)}</div>`;
}

function learned(acts) {
  return `<p>The generator's loss was <b>${digits(acts.generator_loss)}</b>. Its gradient comes back through the discriminator, and its weights take one step.
    The same latents now give these pictures; pixels moved by ${digits(acts.changed_pixels)} of 255 on average, and their mean score from ${digits(mean(acts.judged_after.fake))} to ${digits(mean(acts.judged_after.new))}.
    The average follows a little.</p>
    <div class="lab-shown">${picture(acts, "fakes", "Before")}${picture(acts, "after", "After")}${moved(acts.moved.generator)}</div>`;
}

function moved(layers) {
  const rows = Object.entries(layers).map(([layer, [gradient, share]]) =>
    `<tr><td>${layer}</td><td>${digits(gradient)}</td><td>${share === null ? "" : `${(100 * share).toPrecision(2)}%`}</td></tr>`);
  return `<table><tr><th>layer</th><th>gradient norm</th><th>weights moved</th></tr>${rows.join("")}</table>`;
}

function latents(rows) {
  const cells = rows.flatMap((row, y) => row.map((value, x) =>
    `<rect x="${x}" y="${y}" width="1" height="1" fill="${value < 0 ? "#3f83cf" : "#d9730d"}" opacity="${Math.min(1, Math.abs(value) / 2.5)}"/>`));
  return `<figure><figcaption>Latents, one a row: <i class="lab-real">below</i> and <i class="lab-fake">above</i> 0</figcaption>
    <svg viewBox="0 0 ${rows[0].length} ${rows.length}" preserveAspectRatio="none" width="256" height="${12 * rows.length}">${cells.join("")}</svg></figure>`;
}
