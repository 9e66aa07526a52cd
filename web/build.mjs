// Builds `dist/`, which `pggan-lab export` copies: npm ci && npm run build (another folder: node build.mjs FOLDER).
// `built.json` says what it was built from.
//
// Components of the app come in as the app loads them (dashboard/shared/browser.py): some files, one after another, as
// one module. `import growth from "app:shared/player.js pages/growth/growth.js"` is such a module, and with `.html` or
// `.css` at the end such a text.

import {createHash} from "node:crypto";
import {copyFile, mkdir, readdir, readFile, rm, writeFile} from "node:fs/promises";
import {join, relative, resolve} from "node:path";
import {fileURLToPath} from "node:url";
import {gzipSync} from "node:zlib";
import * as esbuild from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url)), root = join(here, ".."), dist = resolve(process.argv[2] ?? join(here, "dist"));
const app = join(root, "dashboard"), ort = join(here, "node_modules/onnxruntime-web");
const own = new Set(); // the app's files that are in the page

const components = {
  name: "components of the app",
  setup(build) {
    build.onResolve({filter: /^app:/}, ({path}) => ({path: path.slice(4), namespace: "app"}));
    build.onLoad({filter: /.*/, namespace: "app"}, async ({path}) => {
      const files = path.split(" ").map((name) => join(app, name));
      files.forEach((file) => own.add(file));
      const parts = await Promise.all(files.map((file) => readFile(file, "utf8")));
      return {contents: parts.join("\n"), loader: path.endsWith(".js") ? "js" : path.endsWith(".css") ? "css" : "text", resolveDir: app};
    });
  },
};

if (!process.argv[2]) await rm(dist, {recursive: true, force: true});
await mkdir(dist, {recursive: true});
const result = await esbuild.build({
  entryPoints: {lab: join(here, "src/main.js"), engine: join(here, "src/engine.js")},
  outdir: dist, bundle: true, format: "esm", target: "es2022", minify: true, metafile: true, legalComments: "none",
  external: ["./engine.js", "./ort-webgpu.mjs"], plugins: [components], loader: {".html": "text"}, charset: "utf8", absWorkingDir: here,
});

// onnxruntime's own files: with threads and SIMD, and with WebGPU. Packed, for few plain file servers pack.
const packed = {"ort-wasm-simd-threaded.wasm": "ort.wasm.gz", "ort-wasm-simd-threaded.jspi.wasm": "ort-webgpu.wasm.gz"};
for (const [from, to] of Object.entries(packed)) {
  await writeFile(join(dist, to), gzipSync(await readFile(join(ort, "dist", from)), {level: 9}));
}
const webgpu = await readFile(join(ort, "dist/ort.jspi.bundle.min.mjs"), "utf8");
await writeFile(join(dist, "ort-webgpu.mjs"), webgpu.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));
await copyFile(join(here, "src/index.html"), join(dist, "index.html"));
await copyFile(join(app, "icon.svg"), join(dist, "icon.svg"));
const {version} = JSON.parse(await readFile(join(ort, "package.json"), "utf8"));
const notice = `PGGAN Lab\n\n${await readFile(join(root, "LICENSE"), "utf8")}
----
ONNX Runtime ${version} (engine.js, ort*), https://github.com/microsoft/onnxruntime

MIT License. Copyright (c) Microsoft Corporation.

${(await readFile(join(root, "LICENSE"), "utf8")).split("\n\n").slice(2).join("\n\n")}`;
await writeFile(join(dist, "LICENSES.txt"), notice);

const sources = [...own, ...Object.keys(result.metafile.inputs).filter((name) => !name.includes("node_modules") && !name.startsWith("app:"))
  .map((name) => join(here, name)), join(here, "src/index.html"), join(here, "build.mjs"), join(here, "package-lock.json"), join(app, "icon.svg"), join(root, "LICENSE")];
const hash = async (file) => [relative(root, file), createHash("sha256").update(await readFile(file)).digest("hex")];
const hashes = Object.fromEntries((await Promise.all([...new Set(sources)].map(hash))).sort());
const outputNames = (await readdir(dist)).filter((name) => !name.endsWith(".gz") && name !== "built.json").sort(); // another zlib packs otherwise
const outputs = Object.fromEntries(await Promise.all(outputNames.map(async (name) => [name, (await hash(join(dist, name)))[1]])));
await writeFile(join(dist, "built.json"), `${JSON.stringify({onnxruntime: version, sources: hashes, outputs}, null, 1)}\n`);
