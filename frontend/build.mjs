// Bundles frontend/ into static/dist. `node build.mjs` builds, `node build.mjs test` runs the unit tests.
import { copyFile, mkdir, readdir, rename } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const common = {
  absWorkingDir: here,
  bundle: true,
  target: "es2022",
  logLevel: "warning",
  loader: { ".svg": "text", ".woff2": "file" },
};

async function bundle() {
  await build({
    ...common,
    entryPoints: ["app.ts", "audit.ts", "board.ts", "deployments.ts", "exports.ts", "fleet.ts", "lists.ts", "css/app.css", "css/board.css", "css/maps.css", "css/owner.css", "owner.ts"],
    entryNames: "[name]",
    outdir: path.join(here, "../static/dist"),
    assetNames: "fonts/[name]",
    format: "iife",
    minify: true,
  });
}

/** In one step: a console that runs has these files mapped, and would end where one grew short under it. */
async function replaceFile(from, to) {
  const draft = `${to}.${process.pid}`;
  await copyFile(from, draft);
  await rename(draft, to);
}

/** The typeface of printed reports: the console sets it itself, so it lies beside the others as TrueType. */
async function printed() {
  const to = path.join(here, "../static/dist/fonts");
  await mkdir(to, { recursive: true });
  for (const name of ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf"])
    await replaceFile(path.join(here, "node_modules/dejavu-fonts-ttf/ttf", name), path.join(to, name));
}

async function test() {
  const out = path.join(here, "node_modules/.tests");
  await mkdir(out, { recursive: true });
  const files = (await readdir(path.join(here, "tests"))).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...common,
    entryPoints: files.map((name) => `tests/${name}`),
    outdir: out,
    format: "esm",
    platform: "node",
    outExtension: { ".js": ".mjs" },
  });
  const run = spawnSync(process.execPath, ["--test", ...files.map((n) => path.join(out, n.replace(/ts$/, "mjs")))], {
    stdio: "inherit",
  });
  process.exitCode = run.status ?? 1;
}

if (process.argv[2] === "test") await test();
else await Promise.all([bundle(), printed()]);
