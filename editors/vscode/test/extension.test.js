// The client: what it starts, and when. The editor is stood in for; the server is a small program.

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { homedir } = require("node:os");
const { join } = require("node:path");
const test = require("node:test");
const { buildSync } = require("esbuild");

const here = join(__dirname, "..");

/** A module of the extension, alone. */
function compiled(name) {
  const { outputFiles } = buildSync({
    entryPoints: [join(here, `src/${name}.ts`)],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    external: ["vscode"],
  });
  const module = { exports: {} };
  new Function("module", "exports", "require", outputFiles[0].text)(module, module.exports, require);
  return module.exports;
}

test("the server is `spark lsp`, or what the setting names", () => {
  const { program } = compiled("program");
  assert.deepEqual(program(undefined), { command: "spark", args: ["lsp"] });
  assert.deepEqual(program("  "), { command: "spark", args: ["lsp"] });
  assert.deepEqual(program("/opt/spark"), { command: "/opt/spark", args: ["lsp"] });
  assert.equal(program("~/bin/spark").command, join(homedir(), "bin/spark"));
});

test("a missing program is told with what to do", () => {
  const { failure } = compiled("program");
  assert.match(failure("spark", new Error("spawn spark ENOENT")), /no program `spark`.*`spark\.path`/);
  assert.match(failure("spark", "gone"), /`spark lsp` did not start: gone/);
});

test("what is packed is there, and names only what is declared", () => {
  const manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  const { contributes } = manifest;
  for (const path of [manifest.main, contributes.languages[0].configuration, contributes.grammars[0].path, "README.md"]) {
    assert.ok(readFileSync(join(here, path)).length > 0, path);
  }
  const source = readFileSync(join(here, "src/extension.ts"), "utf8");
  for (const { command } of contributes.commands) {
    assert.ok(source.includes(`"${command}"`), command);
  }
  for (const name of ["language-configuration.json", contributes.grammars[0].path]) {
    JSON.parse(readFileSync(join(here, name), "utf8"));
  }
  // a workspace must not choose which program runs
  assert.equal(contributes.configuration.properties["spark.path"].scope, "machine");
  assert.equal(manifest.dependencies, undefined);
});

test("the licence of each package that is built in is kept with it", () => {
  const { inputs } = JSON.parse(readFileSync(join(here, "dist/meta.json"), "utf8"));
  const notices = readFileSync(join(here, "dist/NOTICES.txt"), "utf8");
  const packages = new Set(Object.keys(inputs).flatMap((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? []));
  assert.ok(packages.has("vscode-languageclient"));
  for (const name of packages) {
    assert.match(notices, new RegExp(`^${name} \\d`, "m"));
  }
  assert.match(notices, /Copyright \(c\) Microsoft/);
  assert.ok(readFileSync(join(here, ".vscodeignore"), "utf8").includes("!dist/NOTICES.txt"));
});

test("lines behind an open brace are indented, and others are not", () => {
  const { indentationRules } = JSON.parse(readFileSync(join(here, "language-configuration.json"), "utf8"));
  const increase = new RegExp(indentationRules.increaseIndentPattern);
  for (const [line, expected] of [
    ["signal p95 {", true],
    ['trigger t "Title" { # why', true],
    ["signal a { is ratio }", false],
    ["# trigger {", false],
    ['runbook "https://x/{"', false],
    ["  from metrics rate(x{a=\"b\"})", false],
    ["}", false],
  ]) {
    assert.equal(increase.test(line), expected, line);
  }
});
