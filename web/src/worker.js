// The generator in a thread of its own, so that the page stays quick while it computes. Started by engine.js.
//
// in:  {id: 0, base, facts, backend}, then {id, z, count, labels, resolution, alpha, edits, want}
// out: {progress: 0..1}, then {id, ...}: {ready: backend}, {values: {name: {data, dims}}, milliseconds} or {error}

import * as wasm from "onnxruntime-web/wasm"; // not when it is needed: threads that it starts run this script again
import {latentOfSeed} from "./seeds.js";

let ort, session, facts;

// A file's bytes, told about as they come; unpacked if they arrive packed (some servers unpack on the way).
async function bytesOf(address, told) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  const parts = [], reader = response.body.getReader();
  for (let {done, value} = await reader.read(); !done; {done, value} = await reader.read()) {
    parts.push(value);
    told(value.length);
  }
  const blob = new Blob(parts), [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const packed = first === 0x1f && second === 0x8b;
  return packed ? new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer() : blob.arrayBuffer();
}

// WebGPU where there is a real graphics processor and the browser can wait for it inside WebAssembly.
async function hasGraphics() {
  if (!navigator.gpu || !("Suspending" in WebAssembly)) return false;
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

async function open(base, backend) {
  const graphics = backend === "webgpu", runtime = graphics ? facts.runtime.webgpu : facts.runtime.wasm;
  ort = graphics ? await import("./ort-webgpu.mjs") : wasm;
  const total = runtime.bytes + facts.network.bytes;
  let loaded = 0;
  const told = (count) => postMessage({progress: Math.min(1, (loaded += count) / total)});
  const [program, network] = await Promise.all([runtime.file, facts.network.file].map((file) => bytesOf(new URL(file, base), told)));
  ort.env.wasm.wasmBinary = program;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  ort.env.logLevel = "error";
  session = await ort.InferenceSession.create(new Uint8Array(network), {executionProviders: [backend], logSeverityLevel: 3});
}

const single = (value) => new ort.Tensor("float32", [value], [1, 1, 1, 1]);

async function run({z, count, labels, resolution, alpha, edits, want}) {
  const feeds = {
    z: new ort.Tensor("float32", z, [count, facts.latent]),
    resolution: new ort.Tensor("int64", [BigInt(resolution)], []),
    alpha: new ort.Tensor("float32", [alpha], []),
  };
  if (facts.labels) feeds.labels = new ort.Tensor("float32", labels, [count, facts.labels]);
  for (const {name} of facts.layers) {
    const edit = edits?.[name];
    feeds[`${name}.mask`] = edit ? new ort.Tensor("float32", edit.mask, edit.dims) : single(0);
    feeds[`${name}.value`] = edit ? new ort.Tensor("float32", edit.value, edit.dims) : single(0);
  }
  const begin = performance.now(), found = await session.run(feeds, want), values = {};
  for (const name of want) {
    const tensor = found[name], data = tensor.location === "cpu" ? tensor.data : await tensor.getData();
    values[name] = {data: data.slice(), dims: tensor.dims}; // out of WebAssembly's memory
    tensor.dispose();
  }
  return {values, milliseconds: performance.now() - begin};
}

// The difference of a picture to torch's, which the export wrote down: means over squares of its pixels.
async function deviation() {
  const {seed, resolution, squares, means} = facts.check, z = latentOfSeed(seed, facts.latent);
  const labels = facts.labels ? Float32Array.from({length: facts.labels}, (_, i) => Number(i === 0)) : null;
  const {values} = await run({z, count: 1, labels, resolution, alpha: 1, want: ["images"]});
  const {data} = values.images, side = resolution / squares, sums = new Float64Array(means.length);
  data.forEach((value, i) => {
    const x = i % resolution, y = Math.floor(i / resolution) % resolution, channel = Math.floor(i / resolution ** 2);
    sums[(channel * squares + Math.floor(y / side)) * squares + Math.floor(x / side)] += value / side ** 2;
  });
  return Math.max(...means.map((mean, i) => Math.abs(mean - sums[i])));
}

async function start({base, facts: given, backend}) {
  facts = given;
  const order = backend ? [backend] : (await hasGraphics()) ? ["webgpu", "wasm"] : ["wasm"];
  const problems = [];
  for (const name of order) {
    try {
      await open(base, name);
      const off = await deviation();
      if (off < facts.check.tolerance) return {ready: name, threads: ort.env.wasm.numThreads, deviation: off};
      problems.push(`${name}: the check picture is ${off.toFixed(3)} off`);
    } catch (error) {
      problems.push(`${name}: ${error.message}`);
    }
  }
  throw new Error(problems.join("; "));
}

export function serve() {
  let before = Promise.resolve();
  self.onmessage = ({data}) => {
    before = before.then(async () => {
      try {
        const answer = await (data.id ? run(data) : start(data));
        const buffers = Object.values(answer.values ?? {}).map(({data: values}) => values.buffer);
        postMessage({id: data.id, ...answer}, buffers);
      } catch (error) {
        postMessage({id: data.id, error: error.message});
      }
    });
  };
}
