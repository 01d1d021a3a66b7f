// Starts the real program with a demo clinic of its own, for one test file.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventSource } from "eventsource";
import PocketBase from "pocketbase";

globalThis.EventSource ??= EventSource; // browsers have it

const patience = 60_000;

// Accounts of the demo clinic, as the README lists them.
export const accounts = {
  admin: ["admin@gmail.com", "admin123$#"],
  patient: ["user@gmail.com", "user123$#"],
  doctor: ["doctor@gmail.com", "doctor123$#"],
  staff: ["staff@gmail.com", "staff123$#"],
  nurse: ["nurse@gmail.com", "nurse123$#"],
};

export async function startServer() {
  const program = process.env.POLYCLINIC;
  if (!program) throw new Error("POLYCLINIC must name the program: run `make sdk`");
  const dir = await mkdtemp(join(tmpdir(), "polyclinic-sdk-"));
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  let said = "";
  const child = spawn(program, ["serve", "--demo", "--http", address, "--dir", join(dir, "pb_data")]);
  child.stdout.on("data", (text) => (said += text));
  child.stderr.on("data", (text) => (said += text));
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const until = Date.now() + patience;
  while (!(await healthy(url))) {
    if (child.exitCode !== null || Date.now() > until) {
      child.kill("SIGKILL");
      throw new Error(`the server did not start:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const clients = [];
  return {
    address,
    url,
    // client returns an SDK client of its own, signed in when a role is named.
    async client(role) {
      const pb = new PocketBase(url);
      pb.autoCancellation(false);
      clients.push(pb);
      if (role) await pb.collection("users").authWithPassword(...accounts[role]);
      return pb;
    },
    async stop() {
      for (const pb of clients) pb.realtime.disconnect();
      child.kill("SIGTERM");
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function healthy(url) {
  try {
    return (await fetch(`${url}/api/health`)).ok;
  } catch {
    return false;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// inbox collects what a subscription is sent, and lets a test wait for it.
export function inbox() {
  const events = [];
  let wake = () => {};
  return {
    events,
    push: (event) => {
      events.push(event);
      wake();
    },
    // until waits for an event for which found says yes.
    async until(found) {
      const limit = Date.now() + patience;
      for (;;) {
        const event = events.find(found);
        if (event) return event;
        if (Date.now() > limit) throw new Error(`no such event came, only ${JSON.stringify(events)}`);
        await new Promise((resolve) => {
          wake = resolve;
          setTimeout(resolve, 1000);
        });
      }
    },
  };
}

// freeSlot returns a day of the next weeks and a free slot of the doctor's on it, skipping
// the first few that are asked for.
export async function freeSlot(pb, doctorId, skip = 0) {
  for (let ahead = 1; ahead < 40; ahead++) {
    const date = new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
    const { slots } = await pb.send(`/api/doctors/${doctorId}/slots`, { query: { date } });
    const free = slots.filter((slot) => slot.status === "free");
    if (free.length > skip) return { appointmentDate: date, timeSlot: free[skip].timeSlot };
    skip -= free.length;
  }
  throw new Error("no free slot within 40 days");
}

// refused returns the ClientResponseError with which a request fails.
export async function refused(request) {
  try {
    await request;
  } catch (error) {
    if (error.name !== "ClientResponseError 0" && error.status === undefined) throw error;
    return error;
  }
  throw new Error("the request was not refused");
}
