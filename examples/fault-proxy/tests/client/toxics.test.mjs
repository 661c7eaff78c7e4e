// The published client of Toxiproxy drives the proxy; what each toxic does is measured on TCP connections to a server of Node's.
// Bounds from below are the toxic's own. Those from above are for the quickest of some, or far away: the machine may be busy.
import assert from "node:assert/strict";
import net from "node:net";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import client from "toxiproxy-node-client";

const toxiproxy = new client.Toxiproxy(process.env.FAULT_PROXY);
const echo = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", () => {});
  socket.pipe(socket);
});
let proxy;

before(async () => {
  await new Promise((listening) => echo.listen(0, "127.0.0.1", listening));
  const upstream = `127.0.0.1:${echo.address().port}`;
  proxy = await toxiproxy.createProxy({ name: "echo", listen: "127.0.0.1:0", upstream });
});
afterEach(() => toxiproxy.reset());
after(async () => {
  await proxy.remove();
  echo.close();
});

/** A connection through the proxy that remembers what came, when, and how it ended. */
async function connect(through = proxy) {
  const [host, port] = through.listen.split(":");
  const socket = net.connect({ host, port: Number(port), allowHalfOpen: true });
  const seen = { socket, bytes: 0, chunks: [], ended: null };
  seen.end = new Promise((resolve) => {
    const ended = (how) => () => {
      seen.ended ??= how;
      resolve(seen.ended);
    };
    socket.on("end", ended("end"));
    socket.on("error", (error) => ended(error.code)());
    socket.on("close", ended("close"));
  });
  socket.on("data", (data) => {
    seen.bytes += data.length;
    seen.chunks.push({ at: performance.now(), length: data.length });
    seen.got?.();
  });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return seen;
}

/** Sends so many bytes and waits until as many are back. Milliseconds. */
async function round(seen, bytes = 1) {
  const from = performance.now();
  const wanted = seen.bytes + bytes;
  const back = new Promise((resolve) => {
    seen.got = () => seen.bytes >= wanted && resolve();
  });
  seen.socket.write(Buffer.alloc(bytes, 7));
  await Promise.race([
    back,
    seen.end.then((how) => assert.fail(`ended by ${how} after ${seen.bytes} of ${wanted} bytes`)),
  ]);
  return performance.now() - from;
}

/** The quickest of so many measurements, one after the other. */
async function quickest(measure, times = 5) {
  const all = [];
  for (let n = 0; n < times; n += 1) all.push(await measure());
  return Math.min(...all);
}

/** Far above what anything here takes. */
const FAR = 20_000;

const within = (value, least, most, what) =>
  assert.ok(value >= least && value <= most, `${what}: ${value}, expected ${least} to ${most}`);

const refused = (promise, status) =>
  assert.rejects(promise, { message: `Request failed with status code ${status}` });

test("proxies are made, shown, changed, disabled and removed", async () => {
  assert.match(await toxiproxy.getVersion(), /"version":"\d+\.\d+\.\d+"/);
  const body = { name: "second", listen: "127.0.0.1:0", upstream: proxy.upstream };
  const second = await toxiproxy.createProxy(body);
  assert.notEqual(second.listen, "127.0.0.1:0", "the port that it got is shown");
  await refused(toxiproxy.createProxy(body), 409);
  await refused(toxiproxy.createProxy({ name: "", listen: "", upstream: "" }), 400);
  await refused(toxiproxy.createProxy({ ...body, name: "third", listen: second.listen }), 500);
  assert.deepEqual(Object.keys(await toxiproxy.getAll()), ["echo", "second"]);

  const open = await connect(second);
  await round(open);
  const disabled = await second.update({ ...second.toJson(), enabled: false });
  assert.equal(disabled.enabled, false);
  await open.end;
  await assert.rejects(connect(second), { code: "ECONNREFUSED" });
  const enabled = await second.update({ ...second.toJson(), enabled: true });
  assert.equal(enabled.listen, second.listen, "it listens where it did");
  await round(await connect(second)).then(() => second.remove());
  await refused(toxiproxy.get("second"), 404);
  await refused(second.remove(), 404);
});

test("populate makes what is missing and leaves what is there", async () => {
  const live = await connect();
  const made = await toxiproxy.populate([
    proxy.toJson(),
    { name: "more", listen: "127.0.0.1:0", upstream: proxy.upstream, enabled: false },
  ]);
  assert.deepEqual(Object.keys(made), ["echo", "more"]);
  await round(live);
  assert.equal((await toxiproxy.get("more")).enabled, false);
  await toxiproxy.reset();
  assert.equal((await toxiproxy.get("more")).enabled, true, "reset enables");
  await made.more.remove();
});

test("toxics are made, shown, changed and removed", async () => {
  const toxic = await proxy.addToxic({ type: "latency", attributes: { latency: 10, jitter: 0 } });
  assert.deepEqual(toxic.toJson(), {
    name: "latency_downstream",
    type: "latency",
    stream: "downstream",
    toxicity: 1,
    attributes: { latency: 10, jitter: 0 },
  });
  await refused(proxy.addToxic({ type: "latency", attributes: {} }), 409);
  await refused(proxy.addToxic({ type: "teleport", attributes: {} }), 400);
  await refused(proxy.addToxic({ type: "latency", stream: "sideways", attributes: {} }), 400);
  await refused(proxy.addToxic({ type: "latency", name: "x", attributes: { latancy: 1 } }), 400);
  const changed = await toxic.update({ ...toxic.toJson(), attributes: { latency: 20, jitter: 0 } });
  assert.equal(changed.attributes.latency, 20);
  assert.equal((await proxy.getToxic("latency_downstream")).attributes.latency, 20);
  await toxic.remove();
  await refused(proxy.getToxic("latency_downstream"), 404);
});

test("latency delays bytes of a connection that is open, and its jitter varies", async () => {
  const seen = await connect();
  within(await quickest(() => round(seen)), 0, 100, "without");
  const toxic = await proxy.addToxic({ type: "latency", attributes: { latency: 200, jitter: 0 } });
  within(await quickest(() => round(seen), 3), 199, 600, "downstream");
  await toxic.remove();
  within(await quickest(() => round(seen)), 0, 100, "again");
  await proxy.addToxic({ type: "latency", stream: "upstream", attributes: { latency: 100, jitter: 80 } });
  const times = [];
  for (let n = 0; n < 12; n += 1) times.push(await round(seen));
  within(Math.min(...times), 19, 110, "the quickest of twelve");
  within(Math.max(...times), 100, FAR, "the slowest of twelve");
});

test("latency delays and does not narrow", async () => {
  await proxy.addToxic({ type: "latency", attributes: { latency: 200, jitter: 0 } });
  within(await quickest(async () => round(await connect(), 200_000), 3), 199, 900, "200 kB at 200 ms");
});

test("bandwidth lets so many bytes a second through", async () => {
  const seen = await connect();
  within(await quickest(() => round(seen, 100_000)), 0, 300, "without");
  await proxy.addToxic({ type: "bandwidth", attributes: { rate: 100 } });
  within(await round(seen, 100_000), 950, FAR, "100 kB at 100 kB a second");
});

test("slow_close delays the end", async () => {
  const end = async () => {
    const seen = await connect();
    await round(seen);
    const from = performance.now();
    seen.socket.end();
    await seen.end;
    return performance.now() - from;
  };
  within(await quickest(end), 0, 150, "without");
  await proxy.addToxic({ type: "slow_close", attributes: { delay: 300 } });
  within(await end(), 299, FAR, "with");
});

test("timeout lets nothing through and ends the connection", async () => {
  await proxy.addToxic({ type: "timeout", attributes: { timeout: 300 } });
  const from = performance.now();
  const seen = await connect();
  seen.socket.write("x");
  await seen.end;
  within(performance.now() - from, 299, FAR, "the end");
  assert.equal(seen.bytes, 0);
});

test("a timeout of 0 hangs until the toxic goes, and what was lost ends the connection", async () => {
  const seen = await connect();
  await round(seen);
  const toxic = await proxy.addToxic({ type: "timeout", attributes: { timeout: 0 } });
  seen.socket.write("lost");
  await sleep(400);
  assert.deepEqual([seen.bytes, seen.ended], [1, null]);
  await toxic.remove();
  await seen.end;
  assert.equal(seen.bytes, 1, "nothing came late");
});

test("reset_peer resets", async () => {
  const seen = await connect();
  await round(seen);
  const from = performance.now();
  await proxy.addToxic({ type: "reset_peer", attributes: { timeout: 200 } });
  assert.equal(await seen.end, "ECONNRESET");
  within(performance.now() - from, 199, FAR, "the reset");
});

test("slicer sends small pieces with time between them", async () => {
  const attributes = { average_size: 10, size_variation: 4, delay: 20_000 };
  await proxy.addToxic({ type: "slicer", attributes });
  const seen = await connect();
  within(await round(seen, 100), 6 * 20, FAR, "100 bytes in pieces of 6 to 14, 20 ms between them");
  within(seen.chunks.length, 2, 17, "pieces");
  // two pieces may be read as one where this process was late
  within(Math.min(...seen.chunks.slice(0, -1).map((chunk) => chunk.length)), 6, 50, "the smallest");
});

test("limit_data ends the connection after so many bytes", async () => {
  await proxy.addToxic({ type: "limit_data", attributes: { bytes: 5_000 } });
  const seen = await connect();
  seen.socket.write(Buffer.alloc(8_000));
  await seen.end;
  assert.equal(seen.bytes, 5_000);
});

test("toxicity is a share of connections", async () => {
  await proxy.addToxic({ type: "limit_data", toxicity: 0.5, attributes: { bytes: 0 } });
  const ends = await Promise.all(
    Array.from({ length: 60 }, async () => {
      const seen = await connect();
      seen.socket.write("x");
      return Promise.race([seen.end, sleep(3_000, "lives")]).finally(() => seen.socket.destroy());
    }),
  );
  // outside of 12 to 48 once in a million runs
  within(ends.filter((end) => end === "lives").length, 12, 48, "of 60 that live");
});

test("one direction is spoiled, the other is not", async () => {
  const seen = await connect();
  await proxy.addToxic({ type: "latency", stream: "upstream", attributes: { latency: 150, jitter: 0 } });
  await proxy.addToxic({ type: "latency", stream: "downstream", attributes: { latency: 150, jitter: 0 } });
  within(await round(seen), 299, FAR, "both");
  await (await proxy.getToxic("latency_upstream")).remove();
  within(await quickest(() => round(seen)), 149, 290, "one");
});
