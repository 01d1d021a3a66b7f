import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { openSite } from "./site.mjs";

const ada = "patada000000001";
const notes = "<img src=x onerror=alert(1)> asks for a ramp";

let site;
before(async () => (site = await openSite()));
after(() => site?.close());

async function send(method, path, token, body) {
  const r = await fetch(site.url + path, { method, headers: { "Content-Type": "application/json", Authorization: token }, body: JSON.stringify(body) });
  assert.ok(r.ok, `${method} ${path}: ${r.status}`);
  return r.json();
}

async function audit() {
  const page = await site.dashboard();
  await page.click(".app-main-nav a:has-text('Audit')");
  await page.waitForSelector(".audit-entry");
  return page;
}

// search fills the filters in and waits for the answer.
async function search(page, filters) {
  for (const [name, value] of Object.entries(filters)) {
    const field = page.locator("#audit-" + name);
    if (name === "outcome") await field.selectOption(value);
    else await field.fill(value);
  }
  const answered = page.waitForResponse((r) => r.url().includes("/api/audit?"));
  await page.click("#audit-search button[type=submit]");
  await answered;
  await page.waitForSelector("#audit-entries[aria-busy=false]"); // set ahead of the question
}

test("the dashboard's page Audit finds a change, shows what was changed, and downloads the search", async () => {
  const { token } = await send("POST", "/api/auth/login", "", { email: "nurse@gmail.com", password: "nurse123$#" });
  await send("PUT", "/api/patients/" + ada, token, { notes });

  const page = await audit();
  await search(page, { patient: ada, action: "update" });
  const entry = page.locator(".audit-entry").first();
  assert.match(await entry.innerText(), /nurse[\s\S]*update[\s\S]*ok/i);
  await entry.getByText("More").click();
  const row = page.locator(".audit-changes tr", { has: page.locator('th:text-is("notes")') });
  assert.equal(await row.locator("td").nth(1).innerText(), notes);
  assert.equal(await page.locator("#audit-entries img").count(), 0, "what an entry says became markup");
  if (process.env.SCREENSHOT_AUDIT) await page.screenshot({ path: process.env.SCREENSHOT_AUDIT });

  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#audit-csv")]);
  assert.equal(download.suggestedFilename(), "audit.csv");
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\n");
  assert.match(lines[0], /^seq,at,actor,/);
  assert.equal(lines.length - 1, await page.locator(".audit-entry").count());
  assert.ok(lines.slice(1).every((l) => l.includes(ada) && l.includes(",update,")), lines.join("\n"));

  await search(page, { action: "", mark: "export" });
  assert.match(await page.locator(".audit-entry").first().innerText(), /superuser\s+search-trail/, "the download itself is not in the trail");
  assert.deepEqual(page.faults, []);
});

test("the trail is read page by page, newest first, and a bad filter is said", async () => {
  const { token } = await send("POST", "/api/auth/login", "", { email: "admin@gmail.com", password: "admin123$#" });
  for (let i = 0; i < 60; i++) await (await fetch(`${site.url}/api/patients/${ada}`, { headers: { Authorization: token } })).text();

  const page = await audit();
  await search(page, { patient: ada, action: "read" });
  const times = () => page.locator(".audit-entry td:first-child").evaluateAll((cells) => cells.map((c) => c.title));
  const first = await times();
  assert.equal(first.length, 50);
  await page.click("text=Older");
  await page.waitForSelector("#audit-page:has-text('Page 2')");
  const all = first.concat(await times());
  assert.deepEqual(all, all.toSorted().reverse());
  assert.ok(all.length >= 60);

  await page.locator(".audit-entry button[title='Only this one']").first().click();
  await page.waitForSelector("#audit-page:has-text('Page 1')");
  assert.equal(await page.inputValue("#audit-actor"), "useradmin000001");

  await search(page, { from: "2026-03-02", to: "2026-03-01" });
  assert.match(await page.locator("[role=alert]").innerText(), /to: Must not be before from/);
  await page.click("#audit-search button[type=reset]");
  await page.waitForSelector(".audit-entry");
  assert.equal(await page.locator("[role=alert]").count(), 0);
  assert.deepEqual(page.faults, []);
});
