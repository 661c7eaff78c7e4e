// The built client with the editor stood in for: it starts the program that the setting names, speaks the protocol with
// it, and starts nothing where the workspace is not trusted.

const assert = require("node:assert/strict");
const { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const Module = require("node:module");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const test = require("node:test");

const BUNDLE = join(__dirname, "../dist/extension.js");

/** Anything of the editor that is only passed on. */
function anything(name) {
  const target = function () {};
  return new Proxy(target, {
    get: (_, key) => {
      if (key === Symbol.toPrimitive) return () => name;
      if (key === "then") return undefined;
      return key === "prototype" ? target.prototype : anything(`${name}.${String(key)}`);
    },
    construct: () => anything(name),
    apply: () => anything(name),
  });
}

/** The editor, as far as the client asks it. */
function editor(path, trusted, told) {
  const settings = { path };
  const workspace = {
    isTrusted: trusted,
    workspaceFolders: undefined,
    textDocuments: [],
    notebookDocuments: [],
    getConfiguration: () => ({ get: (key, otherwise) => settings[key] ?? otherwise }),
  };
  const window = {
    createOutputChannel: () => ({ appendLine: (line) => told.push(line), append: () => {}, show: () => {}, dispose: () => {} }),
    showErrorMessage: async (words) => void told.push(words),
    visibleTextEditors: [],
    tabGroups: { all: [], onDidChangeTabs: () => ({ dispose() {} }) },
  };
  const known = { workspace, window, version: "1.82.0", env: { language: "en", appName: "test" } };
  return new Proxy(anything("vscode"), {
    get: (rest, name) =>
      name in known
        ? typeof known[name] === "object" && name !== "env"
          ? new Proxy(known[name], { get: (own, key) => (key in own ? own[key] : rest[name][key]) })
          : known[name]
        : rest[name],
  });
}

/** The extension with this editor. */
function extension(vscode) {
  delete require.cache[BUNDLE];
  const load = Module._load;
  Module._load = function (request, ...rest) {
    return request === "vscode" ? vscode : load.call(this, request, ...rest);
  };
  try {
    return require(BUNDLE);
  } finally {
    Module._load = load;
  }
}

/** A server that writes down how it was called and what it was told, and answers as little as it must. */
const SERVER = `#!/usr/bin/env node
const { appendFileSync } = require("node:fs");
const log = (line) => appendFileSync(__filename + ".log", line + "\\n");
log("args " + process.argv.slice(2).join(" "));
let rest = "";
process.stdin.on("data", (data) => {
  rest += data;
  for (;;) {
    const header = /Content-Length: (\\d+)\\r\\n\\r\\n/.exec(rest);
    if (!header || rest.length < header.index + header[0].length + Number(header[1])) return;
    const start = header.index + header[0].length;
    const message = JSON.parse(rest.slice(start, start + Number(header[1])));
    rest = rest.slice(start + Number(header[1]));
    log(message.method);
    if (message.method === "exit") process.exit(0);
    if (message.id !== undefined) {
      const result = message.method === "initialize" ? { capabilities: {} } : null;
      const answer = JSON.stringify({ jsonrpc: "2.0", id: message.id, result });
      process.stdout.write("Content-Length: " + Buffer.byteLength(answer) + "\\r\\n\\r\\n" + answer);
    }
  }
});
`;

async function run(trusted, path) {
  const folder = mkdtempSync(join(tmpdir(), "spark-rules-"));
  try {
    const server = join(folder, "spark");
    writeFileSync(server, SERVER);
    chmodSync(server, 0o755);
    const told = [];
    const { activate, deactivate } = extension(editor(path ?? server, trusted, told));
    await activate({ subscriptions: [] });
    await deactivate();
    return { told, log: existsSync(`${server}.log`) ? readFileSync(`${server}.log`, "utf8").split("\n") : [] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the program of the setting is started as a language server, and stopped", async () => {
  const { told, log } = await run(true);
  assert.deepEqual(told, []);
  assert.equal(log[0], "args lsp");
  assert.deepEqual(log.slice(1, 3), ["initialize", "initialized"]);
  assert.ok(log.includes("shutdown"), `${log}`);
});

test("nothing is started in a workspace that is not trusted", async () => {
  assert.deepEqual(await run(false), { told: [], log: [] });
});

test("a program that is not there is told of, with what to do", async () => {
  const { told } = await run(true, "/nowhere/spark");
  assert.ok(told.some((words) => words.includes("there is no program `/nowhere/spark`")), `${told}`);
});
