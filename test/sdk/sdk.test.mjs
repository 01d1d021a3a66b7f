import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ClientResponseError } from "pocketbase";
import { accounts, freeSlot, inbox, refused, startServer } from "./server.mjs";

// Ids of the cast, the same in every demo.
const grace = "docgrace0000001"; // the doctor's profile
const graceAccount = "userdoctor00001";
const ada = "patada000000001"; // the patient's profile

let server;
before(async () => (server = await startServer()));
after(() => server?.stop());

describe("sign in", () => {
  for (const [role, [email, password]] of Object.entries(accounts)) {
    test(`as ${role}, the SDK's way`, async () => {
      const pb = await server.client();
      const { token, record } = await pb.collection("users").authWithPassword(email, password);
      assert.ok(pb.authStore.isValid);
      assert.equal(record.role, role);
      assert.equal(record.email, email);
      assert.equal(record.status, "active");
      assert.equal(token, pb.authStore.token);
    });

    test(`as ${role}, through the documented route`, async () => {
      const pb = await server.client();
      const { token, record } = await pb.send("/api/auth/login", { method: "POST", body: { email, password } });
      pb.authStore.save(token, record);
      assert.ok(pb.authStore.isValid);
      assert.equal(pb.authStore.record.role, role);
      const me = await pb.send("/api/auth/me", {});
      assert.equal(me.email, email);
      assert.equal((await pb.collection("users").getOne(record.id)).id, record.id);
    });
  }

  test("a wrong password is a 400 that tells nothing", async () => {
    const pb = await server.client();
    const wrong = await refused(pb.collection("users").authWithPassword("admin@gmail.com", "wrong"));
    const nobody = await refused(pb.collection("users").authWithPassword("nobody@gmail.com", "wrong"));
    assert.equal(wrong.status, 400);
    assert.deepEqual(wrong.response, nobody.response);
  });

  test("a token is refreshed", async () => {
    const pb = await server.client("nurse");
    await pb.collection("users").authRefresh();
    assert.ok((await pb.send("/api/auth/me", {})).id);
  });
});

describe("records", () => {
  test("are listed with filter, sort, expand and fields", async () => {
    const pb = await server.client("doctor");
    const page = await pb.collection("patients").getList(1, 5, { filter: pb.filter("name ~ {:n}", { n: "a" }), sort: "-name", expand: "assignedDoctorId" });
    assert.equal(page.items.length, 5);
    assert.ok(page.totalItems >= 200 / 10);
    const names = page.items.map((item) => item.name);
    assert.deepEqual(names, [...names].sort().reverse());
    const one = await pb.collection("patients").getOne(ada, { expand: "assignedDoctorId" });
    assert.equal(one.expand.assignedDoctorId.id, grace);
  });

  test("are made and changed, and events of them arrive live", async () => {
    const desk = await server.client("staff");
    const doctor = await server.client("doctor");
    const heard = inbox();
    await doctor.collection("patients").subscribe("*", heard.push);
    const made = await desk.collection("patients").create({ name: "Wren Halloran", dateOfBirth: "1990-02-03", contact: "+1 555 0300" });
    assert.match(made.mrn, /./);
    await desk.collection("patients").update(made.id, { contact: "+1 555 0301" });
    const created = await heard.until((e) => e.action === "create" && e.record.id === made.id);
    assert.equal(created.record.name, "Wren Halloran");
    await heard.until((e) => e.action === "update" && e.record.contact === "+1 555 0301");
  });

  test("are made through a batch, all or none", async () => {
    const pb = await server.client("staff");
    const good = pb.createBatch();
    good.collection("patients").create({ name: "Batch One" });
    good.collection("patients").create({ name: "Batch Two" });
    const made = await good.send();
    assert.deepEqual(made.map((r) => [r.status, r.body.name]), [[200, "Batch One"], [200, "Batch Two"]]);
    assert.notEqual(made[0].body.mrn, made[1].body.mrn);

    const bad = pb.createBatch();
    bad.collection("patients").create({ name: "Batch Three" });
    bad.collection("patients").create({ name: "" });
    const error = await refused(bad.send());
    assert.equal(error.status, 400);
    assert.equal(error.response.data.requests["1"].response.data.name.code, "validation_required");
    assert.equal((await pb.collection("patients").getList(1, 1, { filter: "name = 'Batch Three'" })).totalItems, 0);
  });

  test("of others are not there", async () => {
    const pb = await server.client("patient");
    assert.deepEqual((await pb.collection("patients").getFullList()).map((p) => p.id), [ada]);
    assert.equal((await refused(pb.collection("patients").getOne("patbob000000002"))).status, 404);
  });
});

describe("documented routes", () => {
  const reads = {
    admin: [
      "/api/auth/me", "/api/patients", "/api/doctors", "/api/nurses", "/api/staff", "/api/notices", "/api/users", "/api/clinic", "/api/appointments",
      `/api/medical-records/${ada}`, "/api/billing", "/api/inventory", "/api/inventory/alerts",
      "/api/reports/patient-summary?from=2020-01-01&to=2030-12-31", "/api/reports/revenue-summary?from=2020-01-01&to=2030-12-31",
      "/api/messages/unread", "/api/messages/conversations",
    ],
    doctor: ["/api/auth/me", "/api/patients", `/api/patients/${ada}`, "/api/appointments", `/api/medical-records/${ada}`, "/api/inventory", "/api/messages/unread"],
    nurse: ["/api/auth/me", "/api/patients", "/api/appointments", `/api/medical-records/${ada}`, "/api/inventory"],
    staff: ["/api/auth/me", "/api/patients", "/api/appointments", "/api/billing"],
    patient: ["/api/auth/me", `/api/patients/${ada}`, "/api/appointments", `/api/medical-records/${ada}`, "/api/billing", "/api/messages/conversations"],
  };
  for (const [role, paths] of Object.entries(reads)) {
    test(`that ${role} reads`, async () => {
      const pb = await server.client(role);
      for (const path of paths) assert.ok(await pb.send(path, {}), path);
    });
  }

  test("that a role may not have say 403", async () => {
    const pb = await server.client("patient");
    for (const path of ["/api/users", "/api/inventory", "/api/reports/patient-summary"]) {
      assert.equal((await refused(pb.send(path, {}))).status, 403, path);
    }
    const staff = await server.client("staff");
    assert.equal((await refused(staff.send(`/api/medical-records/${ada}`, {}))).status, 403);
  });

  test("that need a sign-in say 401", async () => {
    const pb = await server.client();
    for (const path of ["/api/patients", "/api/auth/me", "/api/messages/unread"]) {
      assert.equal((await refused(pb.send(path, {}))).status, 401, path);
    }
  });

  test("video says what is not configured", async () => {
    const pb = await server.client("doctor");
    const { id } = await pb.collection("appointments").getFirstListItem(`doctorId = '${grace}'`);
    const error = await refused(pb.send("/api/video/generate-token", { method: "POST", body: { channelName: id, uid: graceAccount, role: "publisher" } }));
    assert.equal(error.status, 503);
    assert.match(JSON.stringify(error.response), /AGORA_APP_ID/);
  });
});

describe("a booking", () => {
  test("arrives live, and a second one for its slot is a 409 that names it", async () => {
    const patient = await server.client("patient");
    const doctor = await server.client("doctor");
    const heard = inbox();
    await doctor.collection("appointments").subscribe("*", heard.push);
    const slot = await freeSlot(patient, grace);
    const booking = { patientId: ada, doctorId: grace, ...slot, reason: "Cough" };
    const made = await patient.send("/api/appointments", { method: "POST", body: booking });
    assert.equal(made.status, "scheduled");
    await heard.until((e) => e.action === "create" && e.record.id === made.id);

    const ways = [() => patient.send("/api/appointments", { method: "POST", body: booking }), () => patient.collection("appointments").create(booking)];
    for (const again of ways) {
      const error = await refused(again());
      assert.ok(error instanceof ClientResponseError);
      assert.equal(error.status, 409);
      assert.equal(error.response.status, 409);
      assert.equal(error.response.data.timeSlot.code, "slot_taken");
      assert.ok(error.response.data.timeSlot.message);
      assert.ok(error.response.message);
    }
    await patient.send(`/api/appointments/${made.id}`, { method: "DELETE" });
    await heard.until((e) => e.record.id === made.id && e.record.status === "cancelled");
    assert.equal((await patient.collection("appointments").getOne(made.id)).status, "cancelled");
  });

  test("with an Idempotency-Key happens once", async () => {
    const pb = await server.client("patient");
    const booking = { patientId: ada, doctorId: grace, ...(await freeSlot(pb, grace, 3)) };
    const send = () => pb.send("/api/appointments", { method: "POST", body: booking, headers: { "Idempotency-Key": "sdk-1" } });
    const [one, two] = await Promise.all([send(), send()]);
    assert.equal(one.id, two.id);
    const other = await refused(pb.send("/api/appointments", { method: "POST", body: { ...booking, reason: "x" }, headers: { "Idempotency-Key": "sdk-1" } }));
    assert.equal(other.status, 409);
  });
});

describe("a message", () => {
  test("arrives live at its reader, and at nobody else", async () => {
    const patient = await server.client("patient");
    const doctor = await server.client("doctor");
    const nurse = await server.client("nurse");
    const heard = inbox();
    const overheard = inbox();
    await doctor.collection("messages").subscribe("*", heard.push);
    await nurse.collection("messages").subscribe("*", overheard.push);
    const sent = await patient.send("/api/messages", { method: "POST", body: { receiverId: grace, messageText: "May I come earlier?" } });
    const got = await heard.until((e) => e.record.id === sent.id);
    assert.equal(got.record.messageText, "May I come earlier?");
    assert.equal(got.record.conversationId, sent.conversationId);

    // What the nurse is sent after it shows that it did not come.
    const own = await patient.send("/api/messages", { method: "POST", body: { receiverId: "usernurse000001", messageText: "Good morning" } });
    await overheard.until((e) => e.record.id === own.id);
    assert.ok(!overheard.events.some((e) => e.record.id === sent.id));
    assert.ok((await doctor.send("/api/messages/unread", {})).totalItems >= 1);
  });
});

describe("sign out", () => {
  test("ends one session on every path, and no other", async () => {
    const one = await server.client("doctor");
    const two = await server.client("doctor");
    const desk = await server.client("staff");
    const [dead, alive] = [inbox(), inbox()];
    await one.collection("patients").subscribe("*", dead.push);
    await two.collection("patients").subscribe("*", alive.push);
    const first = await desk.collection("patients").create({ name: "Before Signout" });
    await dead.until((e) => e.record.id === first.id);

    await one.send("/api/auth/logout", {});
    assert.equal((await refused(one.send("/api/auth/me", {}))).status, 401);
    assert.equal((await refused(one.send("/api/patients", {}))).status, 401);
    assert.ok((await refused(one.collection("patients").getOne(ada))).status >= 400);
    assert.equal((await refused(one.collection("users").authRefresh())).status, 401);
    assert.ok((await refused(one.files.getToken())).status >= 400);

    const second = await desk.collection("patients").create({ name: "After Signout" });
    await alive.until((e) => e.record.id === second.id);
    assert.ok(!dead.events.some((e) => e.record.id === second.id));
    assert.ok((await two.send("/api/auth/me", {})).id);
  });

  for (const [name, role] of [["the same person", "doctor"], ["another person", "nurse"]]) {
    test(`${name} signs in again on the same page and hears what happens`, async () => {
      const page = await server.client("doctor");
      const desk = await server.client("staff");
      const heard = inbox();
      await page.collection("patients").subscribe("*", heard.push);
      const before = page.realtime.clientId;
      await page.send("/api/auth/logout", { method: "POST" });
      page.authStore.clear();
      await page.collection("users").authWithPassword(...accounts[role]);
      // The SDK opens a connection in place of the one that was closed, and subscribes anew.
      for (let i = 0; ; i++) {
        const made = await desk.collection("patients").create({ name: `After Another Sign-in ${i}` });
        await new Promise((resolve) => setTimeout(resolve, 500));
        if (heard.events.some((e) => e.record.id === made.id)) break;
        assert.ok(i < 60, "nothing is heard");
      }
      assert.notEqual(page.realtime.clientId, before);
    });
  }

  test("another person signs in without a sign-out and hears what happens", async () => {
    const page = await server.client("doctor");
    const desk = await server.client("staff");
    await page.collection("patients").subscribe("*", () => {});
    page.authStore.clear();
    await page.collection("users").authWithPassword(...accounts.nurse);
    const heard = inbox();
    await page.collection("notices").subscribe("*", () => {});
    await page.collection("patients").subscribe("*", heard.push);
    const made = await desk.collection("patients").create({ name: "After The Next Person" });
    await heard.until((e) => e.record.id === made.id);
  });
});

test("the demo lets in the pages of development servers, and no others", async () => {
  for (const [origin, allowed] of [["http://localhost:5173", "http://localhost:5173"], ["https://elsewhere.example", null]]) {
    const answer = await fetch(server.url + "/api/clinic", { headers: { Origin: origin } });
    assert.equal(answer.headers.get("access-control-allow-origin"), allowed, origin);
  }
});
