// The colours, as VS Code's own engine gives them.

const assert = require("node:assert/strict");
const { readFileSync, readdirSync } = require("node:fs");
const { join } = require("node:path");
const test = require("node:test");
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const here = join(__dirname, "..");
const root = join(here, "../..");

async function grammar() {
  await oniguruma.loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")).buffer);
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    // languages that another extension brings are not there
    loadGrammar: async (scope) =>
      scope === "source.spark-rules"
        ? textmate.parseRawGrammar(
            readFileSync(join(here, "syntaxes/spark-rules.tmLanguage.json"), "utf8"),
            "spark-rules.json",
          )
        : null,
  });
  return registry.loadGrammar("source.spark-rules");
}

const loaded = grammar();

/** The words of a text with their innermost scopes. */
async function words(text) {
  const found = [];
  let state = textmate.INITIAL;
  for (const line of text.split(/\r?\n/)) {
    const { tokens, ruleStack } = (await loaded).tokenizeLine(line, state);
    state = ruleStack;
    for (const { startIndex, endIndex, scopes } of tokens) {
      const word = line.slice(startIndex, endIndex);
      if (word.trim() !== "") {
        found.push({ word: word.trim(), scope: scopes.at(-1).replace(".spark-rules", ""), scopes });
      }
    }
  }
  return found;
}

/** Every file of rules that is right to write. */
function rightRules() {
  const folders = [
    "rules",
    "examples/first",
    "spark-cli/src/starter",
    "spark-cli/src/demo",
    "spark-rules/tests/cases/ok",
    "spark-rules/tests/cases/format",
  ];
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".rules"))
      .map((name) => [`${folder}/${name}`, readFileSync(join(root, folder, name), "utf8")]),
  );
}

const CASES = [
  ["edition 2026", ["edition keyword.control.edition", "2026 constant.numeric"]],
  [
    'signal p95 "Title" { is duration',
    [
      "signal keyword.declaration.signal",
      "p95 entity.name.variable.signal",
      '"Title" string.quoted.double.title',
      "{ punctuation.section.block",
      "is keyword.other.clause",
      "duration support.type",
    ],
  ],
  [
    'from metrics rate(x{a=~"5..", b="c"}) over 1m in 1/s',
    [
      "from keyword.other.clause",
      "metrics keyword.other",
      "rate support.function",
      "( punctuation.section.parens",
      "x variable.other.metric",
      "{ punctuation.section.matchers.begin",
      "a entity.other.attribute-name.label",
      "=~ keyword.operator.comparison",
      '"5.." string.regexp',
      ", punctuation.separator",
      "b entity.other.attribute-name.label",
      "= keyword.operator.comparison",
      '" punctuation.definition.string.begin',
      "c string.quoted.double",
      '" punctuation.definition.string.end',
      "} punctuation.section.matchers.end",
      ") punctuation.section.parens",
      "over keyword.other",
      "1 constant.numeric",
      "m keyword.other.unit",
      "in keyword.other.clause",
      "1/s keyword.other.unit",
    ],
  ],
  [
    "rollback when p99.9(a over 5m) > 3x baseline and m >= 0.10 USDT # why",
    [
      "rollback keyword.control.level",
      "when keyword.control",
      "p99.9 support.function",
      "( punctuation.section.parens",
      "a variable.other",
      "over keyword.other",
      "5 constant.numeric",
      "m keyword.other.unit",
      ") punctuation.section.parens",
      "> keyword.operator.comparison",
      "3 constant.numeric",
      "x keyword.other.unit",
      "baseline variable.language.reference",
      "and keyword.operator.word",
      "m variable.other",
      ">= keyword.operator.comparison",
      "0.10 constant.numeric",
      "USDT keyword.other.unit.currency",
      "# punctuation.definition.comment",
      "why comment.line.number-sign",
    ],
  ],
  [
    "unknown hold, then rollback after 10m",
    [
      "unknown keyword.other.clause",
      "hold constant.language.decision",
      ", punctuation.separator",
      "then keyword.operator.word",
      "rollback constant.language.decision",
      "after keyword.other.clause",
      "10 constant.numeric",
      "m keyword.other.unit",
    ],
  ],
  [
    "expect api_latency pending from 10m",
    [
      "expect keyword.other.clause",
      "api_latency variable.other",
      "pending constant.language.state",
      "from keyword.other.clause",
      "10 constant.numeric",
      "m keyword.other.unit",
    ],
  ],
  [
    "proceed when every signal meets its expectation",
    [
      "proceed keyword.control.level",
      "when keyword.control",
      "every keyword.other",
      "signal keyword.declaration",
      "meets keyword.other",
      "its keyword.other",
      "expectation keyword.other",
    ],
  ],
  [
    "stage 25% for 15m needs approval warmup 2m watch 24h",
    [
      "stage keyword.other.clause",
      "25 constant.numeric",
      "% keyword.other.unit",
      "for keyword.operator.word",
      "15 constant.numeric",
      "m keyword.other.unit",
      "needs approval keyword.other.clause",
      "warmup keyword.other.clause",
      "2 constant.numeric",
      "m keyword.other.unit",
      "watch keyword.other.clause",
      "24 constant.numeric",
      "h keyword.other.unit",
    ],
  ],
  [
    "proceed when watch > warmup and needs < approval",
    [
      "proceed keyword.control.level",
      "when keyword.control",
      "watch variable.other",
      "> keyword.operator.comparison",
      "warmup variable.other",
      "and keyword.operator.word",
      "needs variable.other",
      "< keyword.operator.comparison",
      "approval variable.other",
    ],
  ],
  [
    'check pool "P3 Pool" { in preflight probe pgbouncer measure up is flag',
    [
      "check keyword.declaration.check",
      "pool entity.name.function.check",
      '"P3 Pool" string.quoted.double.title',
      "{ punctuation.section.block",
      "in keyword.other.clause",
      "preflight constant.language.phase",
      "probe keyword.other.clause",
      "pgbouncer entity.name.section.probe",
      "measure keyword.other.clause",
      "up entity.name.variable.measure",
      "is keyword.other.clause",
      "flag support.type",
    ],
  ],
  [
    "pass when up and used < 90% else no-go within 5s",
    [
      "pass keyword.control.level",
      "when keyword.control",
      "up variable.other",
      "and keyword.operator.word",
      "used variable.other",
      "< keyword.operator.comparison",
      "90 constant.numeric",
      "% keyword.other.unit",
      "else keyword.other.clause",
      "no-go constant.language.state",
      "within keyword.operator.word",
      "5 constant.numeric",
      "s keyword.other.unit",
    ],
  ],
  [
    "given pool.up true expect check pool unknown",
    [
      "given keyword.other.clause",
      "pool variable.other",
      ". punctuation.separator",
      "up variable.other",
      "true constant.language",
      "expect keyword.other.clause",
      "check keyword.other",
      "pool variable.other",
      "unknown constant.language.state",
    ],
  ],
  [
    "hold when check > 5% and probe > pass",
    [
      "hold keyword.control.level",
      "when keyword.control",
      "check variable.other",
      "> keyword.operator.comparison",
      "5 constant.numeric",
      "% keyword.other.unit",
      "and keyword.operator.word",
      "probe variable.other",
      "> keyword.operator.comparison",
      "pass variable.other",
    ],
  ],
  ["owner \"a\\d\"", ["owner keyword.other.clause", '" punctuation.definition.string.begin', "a string.quoted.double", "\\d invalid.illegal.escape", '" punctuation.definition.string.end']],
];

for (const [text, expected] of CASES) {
  test(`words have the scopes of what they are: ${text}`, async () => {
    const found = (await words(text)).map(({ word, scope }) => `${word} ${scope}`);
    assert.deepEqual(found, expected);
  });
}

test("every word of right rules has a scope, and none is called wrong", async () => {
  const files = rightRules();
  assert.ok(files.length > 8, `${files.length}`);
  for (const [name, text] of files) {
    for (const { word, scope, scopes } of await words(text.replace(/\uFEFF/g, ""))) {
      assert.ok(scopes.length > 1 && !scope.startsWith("invalid"), `${name}: ${word} ${scopes.join(" ")}`);
    }
  }
});

test("a query in quotes does not run on behind them, nor does an open quote behind its line", async () => {
  for (const text of ['signal a { from sql "select 1" in ms }\nplan b {', 'from prometheus "up # no comment\nplan b {', 'owner "open\nplan b {']) {
    const found = await words(text);
    assert.equal(found.at(-2).scope, "entity.name.section.plan", text);
  }
});
