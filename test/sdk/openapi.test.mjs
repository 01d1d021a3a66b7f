// The document that describes the API is a valid OpenAPI 3.1 document, and has every route.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { startServer } from "./server.mjs";

let server, doc;
before(async () => {
  server = await startServer();
  doc = await (await fetch(`${server.url}/api/openapi.json`)).json();
});
after(() => server?.stop());

const operations = () =>
  Object.entries(doc.paths).flatMap(([path, item]) => Object.entries(item).map(([method, op]) => ({ name: `${method.toUpperCase()} ${path}`, path, method, op })));

// What the contract names beside the five verbs of each register.
const documented = `
POST /api/auth/register · POST /api/auth/login · GET /api/auth/logout · POST /api/auth/logout · GET /api/auth/me
POST /api/auth/logout-all · POST /api/auth/refresh · POST /api/auth/password · POST /api/patients/{id}/restore
GET /api/users · GET /api/users/{id} · PUT /api/users/{id} · GET /api/clinic · PUT /api/clinic · GET /api/doctors/{id}/slots
POST /api/medical-records · GET /api/medical-records/{patientId} · PUT /api/medical-records/{id} · DELETE /api/medical-records/{id}
GET /api/medical-records/{id}/history · POST /api/billing · GET /api/billing · GET /api/billing/{id} · PUT /api/billing/{id}
POST /api/billing/{id}/payments · GET /api/billing/{id}/payments · POST /api/billing/{id}/refunds · POST /api/billing/{id}/void
GET /api/billing/{id}/pdf · POST /api/inventory/{id}/adjust · GET /api/inventory/{id}/movements · GET /api/inventory/alerts
GET /api/reports/patient-summary · GET /api/reports/revenue-summary · POST /api/messages · GET /api/messages/unread
GET /api/messages/conversation/{conversationId} · GET /api/messages/conversations · POST /api/messages/conversation/{id}/read
POST /api/video/generate-token · POST /api/video/start-call · POST /api/video/end-call`
  .split(/[·\n]/)
  .map((line) => line.trim())
  .filter(Boolean);
for (const register of ["patients", "doctors", "nurses", "staff", "notices", "appointments", "inventory"]) {
  documented.push(`POST /api/${register}`, `GET /api/${register}`, ...["GET", "PUT", "DELETE"].map((verb) => `${verb} /api/${register}/{id}`));
}

describe("the OpenAPI document", () => {
  test("is valid", async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(doc));
    assert.ok(valid, JSON.stringify(errors, null, 1));
    assert.match(doc.openapi, /^3\.1\./);
  });

  test("has every documented route", () => {
    const names = operations().map((o) => o.name);
    assert.deepEqual(documented.filter((name) => !names.includes(name)), []);
  });

  test("gives every operation a name of its own", () => {
    const ids = operations().map((o) => o.op.operationId);
    assert.equal(new Set(ids).size, ids.length);
  });

  test("says how each can fail", () => {
    for (const { name, path, op } of operations()) {
      const answers = Object.keys(op.responses);
      assert.ok(answers.some((status) => status.startsWith("2")), `${name} never succeeds`);
      const wanted = ["429", ...(op.security ? ["401", "403"] : []), ...(op.security && path.includes("{") ? ["404"] : []), ...(op.requestBody ? ["400"] : [])];
      assert.deepEqual(wanted.filter((status) => !answers.includes(status)), [], name);
    }
  });
});
