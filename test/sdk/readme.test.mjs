// Runs the README's JavaScript as it stands there; only the address is another.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startServer } from "./server.mjs";

let server;
before(async () => (server = await startServer()));
after(() => server?.stop());

test("the README's JavaScript runs", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const blocks = [...readme.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((m) => m[1]).filter((code) => code.includes('from "pocketbase"'));
  assert.equal(blocks.length, 1, "the README should have one example of the SDK");
  assert.ok(blocks[0].includes("127.0.0.1:8090"));
  const dir = new URL("./node_modules/.readme/", import.meta.url); // where its imports are found
  await mkdir(dir, { recursive: true });
  const file = new URL("example.mjs", dir);
  await writeFile(file, blocks[0].replaceAll("127.0.0.1:8090", server.address));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [fileURLToPath(file)], { timeout: 60_000 });
  assert.equal(stderr, "");
  for (const line of [...blocks[0].matchAll(/\/\/ prints: (.*)$/gm)].map((m) => m[1])) {
    assert.ok(stdout.includes(line), `it does not print ${line} but:\n${stdout}`);
  }
});
