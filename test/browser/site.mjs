// Starts the real program with a demo clinic, and a browser to look at it.
import { spawn, execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const patience = 60_000;

// The dashboard's account of these tests; the demo has none.
export const superuser = { email: "root@clinic.test", password: "kettle-4711-bridge" };

function browserPath() {
  const found = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((p) => p && existsSync(p));
  if (!found) throw new Error("no browser is installed: apt-get install chromium, or name one in CHROMIUM");
  return found;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const healthy = (url) => fetch(url + "/api/health").then((r) => r.ok, () => false);

export async function openSite() {
  const program = process.env.POLYCLINIC;
  if (!program) throw new Error("POLYCLINIC must name the program: run `make browser`");
  const executablePath = browserPath();
  const dir = await mkdtemp(join(tmpdir(), "polyclinic-browser-"));
  const data = join(dir, "pb_data");
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  let said = "";
  const child = spawn(program, ["serve", "--demo", "--http", address, "--dir", data]);
  child.stdout.on("data", (text) => (said += text));
  child.stderr.on("data", (text) => (said += text));
  const ended = new Promise((resolve) => child.on("exit", resolve));
  let browser;
  async function close() {
    await browser?.close();
    child.kill("SIGTERM");
    await ended;
    await rm(dir, { recursive: true, force: true });
  }
  try {
    const until = Date.now() + patience;
    while (!(await healthy(url))) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`the server did not start:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await promisify(execFile)(program, ["superuser", "upsert", superuser.email, superuser.password, "--dir", data]);
    browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"],
    });
  } catch (err) {
    await close();
    throw err;
  }
  // openPage opens an empty page; what its scripts complain of is kept in page.faults.
  async function openPage(options = {}) {
    const page = await browser.newPage({ viewport: { width: 1366, height: 900 }, timezoneId: "UTC", locale: "en-GB", ...options });
    page.setDefaultTimeout(patience);
    page.faults = [];
    page.on("pageerror", (err) => page.faults.push(err.message));
    page.on("console", (m) => m.text().includes("Content Security Policy") && page.faults.push(m.text()));
    return page;
  }
  return {
    url,
    close,
    page: openPage,
    // dashboard opens PocketBase's, signed in.
    async dashboard(options) {
      const page = await openPage(options);
      await page.goto(url + "/_/#/login");
      await page.fill("input[type=email], input[name=identity]", superuser.email);
      await page.fill("input[type=password]", superuser.password);
      await page.click("button[type=submit], form button:has-text('Login')");
      await page.waitForSelector(".app-header");
      return page;
    },
    // token signs the dashboard's account in over HTTP.
    async token() {
      const r = await fetch(url + "/api/collections/_superusers/auth-with-password", {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ identity: superuser.email, password: superuser.password }),
      });
      if (!r.ok) throw new Error(`sign-in: ${r.status}`);
      return (await r.json()).token;
    },
  };
}
