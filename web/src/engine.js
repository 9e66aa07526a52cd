// What draws: the page and the app ask it for pictures and activations. Jobs of one lane that have not begun give way to
// the newest one. A script of its own, which is the generator's thread as well.

import {latentOfSeed} from "./seeds.js";
import {serve} from "./worker.js";

export {draw, film} from "./drawn.js";

const THREAD = "lab-engine"; // the name by which the script knows that it is the generator's thread

export class Engine {
  constructor(facts) {
    this.facts = facts;
    this.lanes = new Map(); // lane -> the job that waits there
    this.kept = new Map(); // seed -> latent
    this.number = 0;
    this.milliseconds = NaN; // a picture, the last time that one was made whole
  }

  // Resolves to what computes ("wasm", "webgpu"); progress is told from 0 to 1.
  start(base, backend, progress) {
    this.worker = new Worker(import.meta.url, {type: "module", name: THREAD});
    return new Promise((resolve, reject) => {
      this.worker.onerror = (event) => reject(new Error(event.message || "the generator's thread did not start"));
      this.worker.onmessage = ({data}) => {
        if ("progress" in data) progress(data.progress);
        else if (data.id) this.answered(data);
        else if (data.error) reject(new Error(data.error));
        else {
          Object.assign(this, {backend: data.ready, threads: data.threads, deviation: data.deviation});
          resolve(data.ready);
        }
      };
      this.worker.postMessage({id: 0, base, facts: this.facts, backend});
    });
  }

  latent(seed) {
    if (!this.kept.has(seed)) this.kept.set(seed, latentOfSeed(seed, this.facts.latent));
    return this.kept.get(seed);
  }

  // {name: {data, dims}} of some latents, or null if a newer job of the lane came before this one began.
  // latents: [Float32Array]; labels: rows one after another, or those of seeds; edits: layer -> {mask, value, dims};
  // want: names of outputs.
  run({latents, labels, seeds = [0], resolution = this.facts.resolution, alpha = 1, edits = null, want = ["images"]}, lane = "") {
    const {latent} = this.facts, z = new Float32Array(latents.length * latent);
    latents.forEach((row, i) => z.set(row, i * latent));
    const classes = this.facts.labels ? labels ?? this.classes(seeds, latents.length) : null;
    const job = {id: ++this.number, z, count: latents.length, labels: classes, resolution, alpha, edits, want};
    return new Promise((resolve, reject) => {
      this.lanes.get(lane)?.resolve(null);
      this.lanes.set(lane, {job, resolve, reject});
      this.next();
    });
  }

  // A seed's class is its remainder, as everywhere in the lab.
  classes(seeds, count) {
    const {labels} = this.facts, rows = new Float32Array(count * labels);
    for (let i = 0; i < count; i++) rows[i * labels + (seeds[i % seeds.length] % labels)] = 1;
    return rows;
  }

  // Pictures of seeds, whole.
  pictures(seeds, options = {}, lane = "") {
    return this.run({latents: seeds.map((seed) => this.latent(seed)), seeds, ...options}, lane);
  }

  next() {
    if (this.running || !this.lanes.size) return;
    const [lane, waiting] = this.lanes.entries().next().value;
    this.lanes.delete(lane);
    this.running = waiting;
    this.worker.postMessage(waiting.job);
  }

  answered({id, values, milliseconds, error}) {
    const {job, resolve, reject} = this.running;
    this.running = null;
    this.next();
    if (error) return reject(new Error(error));
    if (job.resolution === this.facts.resolution) this.milliseconds = milliseconds / job.count;
    return resolve(values);
  }
}

if (typeof document === "undefined" && self.name === THREAD) serve();
