// One step in slow motion: four acts with the numbers of this very step.

const ACTS = ["Draw", "Judge", "The discriminator learns", "The generator learns"];

function showActs(place, acts, data, chosen) {
  const names = ACTS.map((name, i) => `<button type="button" class="${i === chosen ? "lab-first" : ""}">${i + 1}. ${name}</button>`);
  place.hidden = false;
  const say = (text, values) => spoken(place, text, values);
  place.innerHTML = `<h3>${say("Step {step} in four acts", {step: acts.step})}</h3><div class="lab-steps">${names.join("")}</div>
    ${[drawn, judged, taught, learned][chosen](acts, say, data)}`;
  [...place.querySelectorAll(".lab-steps button")].forEach((button, i) => {
    button.onclick = () => showActs(place, acts, data, i);
  });
  const canvas = place.querySelector("canvas");
  if (canvas) scoreChart(canvas, scoresOf(acts, chosen), {});
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const digits = (value) => (value === null ? "no number" : minus(String(Number(value.toPrecision(3)))));
const bold = (value) => `<b>${digits(value)}</b>`;
const picture = (acts, name, words) => `<figure><figcaption>${words}</figcaption>
  <div class="lab-tiles" style="--rows:${Math.ceil(acts.latents.length / 4)}"><img src="${acts[name]}" alt=""></div></figure>`;
const chart = '<figure><figcaption>Scores of <i class="lab-real">reals</i> and <i class="lab-fake">fakes</i></figcaption><canvas style="width:280px;height:150px"></canvas></figure>';

function scoresOf(acts, chosen) {
  if (chosen === 1) return [acts.real_scores, acts.fake_scores];
  return [acts.judged_after.real, chosen === 2 ? acts.judged_after.fake : acts.judged_after.new];
}

function drawn(acts, say) {
  return `<p>${say("{count} latents are drawn at random, and {count} real pictures. The generator makes a picture of each latent.", {count: acts.count})} ${acts.count > 16 ? say("Sixteen of each are shown.") : ""}</p>
    <div class="lab-shown">${latents(acts.latents)}${picture(acts, "fakes", "Fakes")}${picture(acts, "reals", "Reals")}</div>`;
}

function judged(acts, say, data) {
  const scores = {real: digits(mean(acts.real_scores)), fake: digits(mean(acts.fake_scores))};
  const penalty = acts.penalty === null ? say("The gradient penalty is lazy and leaves this step out.")
    : say("The gradient penalty is {penalty}.", {penalty: bold(acts.penalty)});
  return `<p>${say("The discriminator gives every picture a score: reals {real} on average, fakes {fake}.", scores)}</p>
    <div class="lab-shown">${chart}${picture(acts, "fakes", "Fakes")}${picture(acts, "reals", "Reals")}</div>
    <p>${say("Its loss, the mean of {formula}, is {loss}.", {formula: data.formulas[acts.loss][0], loss: bold(acts.discriminator_loss)})} ${penalty}</p>`;
}

function taught(acts, say) {
  const before = mean(acts.real_scores) - mean(acts.fake_scores), after = mean(acts.judged_after.real) - mean(acts.judged_after.fake);
  return `<p>${say("The discriminator’s weights take one step against its gradient. On the same pictures, reals now lie {after} above fakes; before, {before}.", {after: digits(after), before: digits(before)})}</p>
    <div class="lab-shown">${chart}${moved(acts.moved.discriminator)}</div>`;
}

function learned(acts, say) {
  const judged = acts.judged_after, scores = {before: digits(mean(judged.fake)), after: digits(mean(judged.new))};
  return `<p>${say("The generator’s loss was {loss}. Its gradient comes back through the discriminator, and its weights take one step.", {loss: bold(acts.generator_loss)})}
    ${say("The same latents now give these pictures. Pixels moved by {pixels} of 255 on average, and the mean score from {before} to {after}. The averaged generator follows a little.", {pixels: digits(acts.changed_pixels), ...scores})}</p>
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
