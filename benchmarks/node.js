// steamworks-ffi-node's receive path beside the C loop: prints the lines that hot.py prints.
"use strict";
const path = require("path");
const options = JSON.parse(process.argv[2]);
const inside = (name) => require(path.join(options.package, "dist", "internal", name));
const koffi = require(path.join(options.package, "..", "koffi"));
const { SteamLibraryLoader } = inside("SteamLibraryLoader");
const { SteamNetworkingSocketsManager } = inside("SteamNetworkingSocketsManager");
const RELIABLE_NO_NAGLE = 9;

const loader = new SteamLibraryLoader();
loader.load(options.sdk);
if (!loader.SteamAPI_Init()) throw new Error("the fake did not start");
const manager = new SteamNetworkingSocketsManager(loader, null);
const loops = koffi.load(options.loops);
const attach = loops.func("void *bench_attach(const char *path, const char *accessor)");
const pairOf = loops.func("bool bench_pair(void *engine, _Out_ uint32_t *pair)");
const fill = loops.func("int bench_fill(void *engine, uint32_t *near, int n, int size, int count, int flags)");
const receive = loops.func("int bench_receive(void *engine, uint32_t handle, bool group, int batch)");
const engine = attach(options.library, "SteamAPI_SteamNetworkingSockets_SteamAPI_v012");
const pair = new Uint32Array(2);
if (!pairOf(engine, pair)) throw new Error("no pair of connections");
const near = pair.subarray(0, 1);

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const takers = {
  C: (batch) => receive(engine, pair[1], false, batch),
  "steamworks-ffi-node": (batch) => {
    let got = 0;
    for (;;) {
      const messages = manager.receiveMessages(pair[1], batch);
      if (messages.length === 0) return got;
      for (const _ of messages) got++;
    }
  },
};

const version = require(path.join(options.package, "package.json")).version;
say({ about: `steamworks-ffi-node ${version}, node ${process.versions.node}` });
for (const size of [64, 1200, 16384])
  for (const batch of [1, 64]) {
    const count = Math.max(16, Math.min(1024, (1 << 20) / size)) | 0;
    const name = `${size} B, ${batch} a call`;
    say({ step: `node: receive, ${name}` });
    const samples = {};
    for (let round = -2; round < options.repeats; round++)
      for (const [who, take] of Object.entries(takers)) {
        if (fill(engine, near, 1, size, count, RELIABLE_NO_NAGLE) !== count) throw new Error("not filled");
        const start = process.hrtime.bigint();
        const got = take(batch);
        const taken = Number(process.hrtime.bigint() - start);
        if (got !== count) throw new Error(`${got} of ${count} messages came`);
        if (round >= 0) (samples[who] ??= []).push(taken / count);
      }
    say({ group: "receive", name, unit: "ns a message", samples });
  }
process.exit(0);
