import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openSite } from "./site.mjs";

let site;
before(async () => (site = await openSite()));
after(() => site?.close());

test("the dashboard's page Clinic shows what the reports answer", async () => {
  const page = await site.dashboard();
  await page.click(".app-main-nav a:has-text('Clinic')");
  await page.waitForSelector("#clinic-patient-summary table");
  const today = new Date().toISOString().slice(0, 10);
  const from = new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() - 11, 1)).toISOString().slice(0, 10);
  const headers = { Authorization: await site.token() };
  const ask = async (name) => (await fetch(`${site.url}/api/reports/${name}?from=${from}&to=${today}`, { headers })).json();
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
  const row = (card, label) => page.locator(`#clinic-${card} tr:has(th:text-is("${label}")) td`).first().innerText();
  const shown = (n) => new Intl.NumberFormat("en-GB", { maximumFractionDigits: 4 }).format(n);

  const patients = await ask("patient-summary");
  assert.ok(patients.totalPatients > 0 && patients.visits.total > 0);
  assert.equal(await row("patient-summary", "Total patients"), shown(patients.totalPatients));
  assert.equal(await row("patient-summary", "Visits total"), shown(patients.visits.total));
  const revenue = await ask("revenue-summary");
  assert.ok(revenue.billed > 0);
  assert.equal(await row("revenue-summary", "Billed"), shown(revenue.billed));

  const api = await (await fetch(site.url + "/api/openapi.json")).json();
  for (const path of Object.keys(api.paths).filter((p) => p.startsWith("/api/reports/"))) {
    const card = page.locator("#clinic-" + path.split("/").pop());
    assert.equal(await card.count(), 1, `${path} is not shown`);
    assert.equal(await card.locator("[role=alert]").count(), 0, `${path} shows an error`);
  }
  assert.match(await page.locator("#clinic-sync").innerText(), /POLYCLINIC_ANALYTICS_URL/);
  assert.deepEqual(page.faults, []);
});

test("another period asks for other numbers", async () => {
  const page = await site.dashboard();
  await page.goto(site.url + "/_/#/clinic");
  await page.waitForSelector("#clinic-revenue-summary table");
  const asked = page.waitForRequest((r) => r.url().includes("/api/reports/revenue-summary"));
  await page.selectOption("#clinic-period", "1");
  assert.match((await asked).url(), new RegExp(`from=${new Date().toISOString().slice(0, 7)}-01`));
  assert.deepEqual(page.faults, []);
});

const thisMonth = () => new Date().toISOString().slice(0, 7) + "-01";
const billed = (page) => page.locator('#clinic-revenue-summary tr:has(th:text-is("Billed")) td').first();

test("what comes late does not show another period's numbers", async () => {
  const page = await site.dashboard();
  await page.goto(site.url + "/_/#/clinic");
  await page.waitForSelector("#clinic-revenue-summary table");
  const before = await billed(page).innerText();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/api/reports/revenue-summary*", async (route) => {
    if (!route.request().url().includes(`from=${thisMonth()}`)) await held;
    await route.continue();
  });
  const holding = page.waitForRequest((r) => r.url().includes("/api/reports/revenue-summary"));
  await page.selectOption("#clinic-period", "60");
  const late = (await holding).response();
  await page.selectOption("#clinic-period", "1");
  await page.waitForFunction((was) => document.querySelector("#clinic-revenue-summary td")?.closest("section").innerText.includes(was) === false, before);
  const shown = await billed(page).innerText();
  release();
  await (await late).finished();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  assert.equal(await billed(page).innerText(), shown);
  assert.deepEqual(page.faults, []);
});

test("the period ends on the clinic's day, wherever the browser is", async () => {
  // Of these two, one is at another day than the demo clinic, which is in UTC.
  const timezoneId = new Date().getUTCHours() < 11 ? "Pacific/Pago_Pago" : "Pacific/Kiritimati";
  const page = await site.dashboard({ timezoneId });
  const asked = page.waitForRequest((r) => r.url().includes("/api/reports/revenue-summary"));
  await page.goto(site.url + "/_/#/clinic");
  assert.match((await asked).url(), new RegExp(`to=${new Date().toISOString().slice(0, 10)}`));
});

test("who logs out of the dashboard has signed out", async () => {
  const page = await site.dashboard();
  const token = await page.evaluate(() => app.pb.authStore.token);
  const asked = () => fetch(site.url + "/api/collections", { headers: { Authorization: token } }).then((r) => r.status);
  assert.equal(await asked(), 200);
  await page.click(".logged-user.header-link");
  const ended = page.waitForResponse((r) => r.url().endsWith("/api/auth/logout"));
  await page.locator(".dropdown-item-logout").click();
  assert.equal((await ended).status(), 204);
  assert.equal(await asked(), 401);
  assert.deepEqual(page.faults, []);
});

test("the API's documentation is readable without any other host", async () => {
  const page = await site.page();
  const strangers = [];
  page.on("request", (r) => new URL(r.url()).host === new URL(site.url).host || r.url().startsWith("data:") || strangers.push(r.url()));
  await page.goto(site.url + "/api/docs");
  await page.getByText("/appointments").first().waitFor();
  assert.deepEqual(strangers, []);
  assert.deepEqual(page.faults, []);
});
