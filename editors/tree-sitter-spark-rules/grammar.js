/**
 * @file The rules of Spark, edition 2026: what they are made of, for editors. What is right to write is said by
 * `spark check`; this grammar reads every right file and takes a name for a name, whether it is known or not.
 * @license MIT OR Apache-2.0
 */

/// <reference types="tree-sitter-cli/dsl" />
// @ts-check

// how tightly a condition's joints bind, the loosest first
const PREC = { then: 1, or: 2, and: 3, not: 4, held: 5, compare: 6, sum: 7, product: 8, negate: 9 };

/** One or more, with a separator between them. */
const separated = (separator, rule) => seq(rule, repeat(seq(separator, rule)));

module.exports = grammar({
  name: "spark_rules",

  // the time of a rate sticks to its number: `50/min` is a value, `50/minutes_open` a division
  externals: ($) => [$.per_time],

  extras: ($) => [/[\s\uFEFF]/, $.comment],

  word: ($) => $._word,

  // in a check, `(name)` may be a condition or a value: what follows says it
  // and an `in` behind a measure begins its unit, or the phase on the same line
  conflicts: ($) => [[$._expression, $.flag], [$.measure]],

  supertypes: ($) => [$._item, $._condition, $._expression, $._metrics_expression],

  rules: {
    source_file: ($) => repeat($._item),

    _item: ($) =>
      choice($.edition, $.evaluate, $.use, $.signal, $.trigger, $.line_trigger, $.plan, $.check, $.test),

    edition: ($) => seq("edition", field("year", $.number)),
    evaluate: ($) => seq("evaluate", "every", field("every", $.number)),
    use: ($) => seq("use", field("path", $.string)),

    // signals

    signal: ($) =>
      seq("signal", field("name", $.identifier), optional(field("title", $.string)), field("body", $.signal_body)),
    signal_body: ($) => seq("{", repeat(choice($.is, $.from, $.stale, $.expectation)), "}"),
    is: ($) => seq("is", field("type", alias($._word, $.type))),
    from: ($) => seq("from", field("source", $._source), optional(seq("in", field("unit", $.unit)))),
    stale: ($) => seq("stale", "after", field("after", $.number)),
    expectation: ($) => seq("expect", choice($._relation, $._range)),

    _source: ($) => choice($.metrics, $.prometheus, $.sql, $.push),
    metrics: ($) => seq("metrics", $._metrics_expression, optional(seq("over", field("over", $.number)))),
    prometheus: ($) => seq("prometheus", field("query", $.string)),
    sql: ($) => seq("sql", field("query", $.string)),
    push: () => "push",
    unit: ($) => choice(seq(choice("%", $._word), optional(seq("/", $._word))), $.number),

    _metrics_expression: ($) =>
      choice($.selector, $.metrics_call, alias($.metrics_binary, $.binary), alias($.metrics_group, $.group), $.number, alias($.negative_number, $.number)),
    metrics_binary: ($) =>
      choice(
        prec.left(PREC.sum, seq($._metrics_expression, choice("+", "-"), $._metrics_expression)),
        prec.left(PREC.product, seq($._metrics_expression, choice("*", "/"), $._metrics_expression)),
      ),
    metrics_group: ($) => seq("(", $._metrics_expression, ")"),
    negative_number: ($) => seq("-", $.number),
    metrics_call: ($) =>
      prec.right(
        seq(field("function", $._function), optional($.by), "(", $._metrics_expression, ")", optional($.by)),
      ),
    by: ($) => seq("by", "(", optional(separated(",", $.label)), optional(","), ")"),
    selector: ($) => seq(field("metric", alias($._word, $.metric)), optional($.matchers)),
    matchers: ($) => seq("{", optional(separated(",", $.matcher)), optional(","), "}"),
    matcher: ($) =>
      choice(
        seq($.label, field("operator", choice("=", "!=")), field("value", $.string)),
        seq($.label, field("operator", choice("=~", "!~")), field("pattern", $.string)),
      ),
    label: ($) => $._word,

    // triggers

    trigger: ($) =>
      seq("trigger", field("name", $.identifier), optional(field("title", $.string)), field("body", $.trigger_body)),
    trigger_body: ($) =>
      seq("{", repeat(choice($.level, $.clear, $.given, $.unless, $.unknown, $.runbook, $.owner)), "}"),
    // a trigger without braces ends where no clause of it follows
    line_trigger: ($) =>
      prec.right(seq($.level, repeat(choice($.clear, $.given, $.unless, $.unknown, $.runbook, $.owner)))),
    level: ($) =>
      seq(field("level", choice("warn", "hold", "rollback")), "when", field("condition", $._condition)),
    clear: ($) => seq("clear", "when", field("condition", $._condition)),
    given: ($) => seq("given", field("condition", $._condition)),
    unless: ($) => seq("unless", separated(choice(",", "or"), $.identifier)),
    unknown: ($) =>
      seq("unknown", "hold", optional(seq(optional(","), "then", "rollback", "after", field("after", $.number)))),
    runbook: ($) => seq("runbook", $.string),
    owner: ($) => seq("owner", $.string),

    // plans

    plan: ($) =>
      seq("plan", field("name", $.identifier), optional(field("title", $.string)), field("body", $.plan_body)),
    plan_body: ($) => seq("{", repeat(choice($.stage, $.warmup, $.watch, $.proceed)), "}"),
    stage: ($) =>
      seq("stage", field("share", $.number), "for", field("duration", $.number), optional($.approval)),
    approval: () => seq("needs", "approval"),
    // a signal may be called as these words are: it stands where a value does
    warmup: ($) => seq("warmup", field("length", $.number)),
    watch: ($) => seq("watch", field("length", $.number)),
    proceed: ($) => seq("proceed", "when", field("condition", $._condition)),

    // checks

    check: ($) =>
      seq("check", field("name", $.identifier), optional(field("title", $.string)), field("body", $.check_body)),
    check_body: ($) =>
      seq(
        "{",
        repeat(
          choice($.phase, $.probe, $.measure, $.pass, $.otherwise, $.deadline, $.evidence, $.runbook, $.owner),
        ),
        "}",
      ),
    phase: ($) => prec.dynamic(1, seq("in", field("phase", alias(choice("preflight", "redteam", "blast"), $.state)))),
    probe: ($) => seq("probe", field("name", $.identifier)),
    measure: ($) =>
      seq(
        "measure",
        field("name", $.identifier),
        "is",
        field("type", alias($._word, $.type)),
        optional(seq("in", field("unit", $.unit))),
      ),
    pass: ($) => seq("pass", "when", field("condition", $._condition)),
    otherwise: ($) => seq("else", field("verdict", alias(choice($._no_go, "warn"), $.state))),
    _no_go: () => seq("no", token.immediate("-"), token.immediate("go")),
    deadline: ($) => seq("within", field("within", $.number)),
    evidence: ($) => seq("evidence", field("file", $.string)),

    // tests

    test: ($) => seq("test", field("title", $.string), field("body", $.test_body)),
    test_body: ($) => seq("{", repeat(choice($.series, $.finding, $.at_stage, $.expect_state, $.expect_check, $.expect_decision)), "}"),
    series: ($) =>
      seq(
        "given",
        field("signal", $.identifier),
        optional($.track),
        separated(choice(seq(",", optional("then")), "then"), $.step),
        optional($.track),
      ),
    // what the probe of a check finds
    finding: ($) =>
      seq(
        "given",
        field("check", $.identifier),
        token.immediate("."),
        field("measure", $.identifier),
        choice($._literal, alias(choice("true", "false"), $.state), "nothing", seq("error", optional($.string))),
      ),
    track: () => seq("on", choice("baseline", "canary")),
    step: ($) =>
      seq(
        choice(
          seq($._literal, optional("with"), optional(seq("noise", $._literal))),
          seq("from", $._literal, "to", $._literal, choice("over", "for"), $.number),
          seq(choice("rises", "falls"), optional("by"), $._literal),
          "nothing",
          "NaN",
          seq(optional(choice("+", "-")), "Inf"),
          "restart",
          seq("error", optional($.string)),
        ),
        repeat(choice(seq("for", $.number), seq("every", $.number), "once")),
      ),
    at_stage: ($) =>
      seq(
        "at",
        "stage",
        field("share", $.number),
        optional(seq("of", field("plan", $.identifier))),
        optional(seq("from", $.number)),
      ),
    expect_state: ($) =>
      seq(
        "expect",
        // a trigger may be called so
        field("name", choice($.identifier, alias(choice("decision", "check"), $.identifier))),
        field("state", alias(choice("ok", "pending", "warn", "hold", "rollback", "unknown"), $.state)),
        $.moment,
      ),
    expect_check: ($) =>
      prec(
        1,
        seq(
          "expect",
          "check",
          field("name", $.identifier),
          field("state", alias(choice("pass", "warn", $._no_go, "unknown"), $.state)),
        ),
      ),
    expect_decision: ($) =>
      prec(
        1,
        seq(
          "expect",
          "decision",
          field("decision", alias(choice("proceed", "hold", "rollback"), $.state)),
          $.moment,
          optional(seq("because", separated(choice(",", "and"), $.identifier))),
        ),
      ),
    moment: ($) => seq(choice("at", "from"), $.number),

    // conditions

    _condition: ($) =>
      choice(
        $.comparison,
        $.sequence,
        $.or,
        $.and,
        $.not,
        $.held,
        alias($.condition_group, $.group),
        $.every_expectation,
        $.flag,
      ),
    sequence: ($) =>
      prec(PREC.then, seq($._condition, "then", $._condition, "within", field("within", $.number))),
    or: ($) => prec.left(PREC.or, seq($._condition, "or", $._condition)),
    and: ($) => prec.left(PREC.and, seq($._condition, "and", $._condition)),
    not: ($) => prec(PREC.not, seq("not", $._condition)),
    held: ($) => prec(PREC.held, seq($._condition, "for", field("for", $.number))),
    condition_group: ($) => seq("(", $._condition, ")"),
    // a measure that is true or false
    flag: ($) => $.identifier,
    every_expectation: () => seq("every", "signal", "meets", "its", "expectation"),
    comparison: ($) =>
      prec(PREC.compare, seq(field("left", $._expression), choice($._relation, $._range))),
    _relation: ($) =>
      prec(PREC.compare, seq(field("relation", choice(">", ">=", "<", "<=", "==", "!=")), field("right", $._expression))),
    _range: ($) =>
      prec(PREC.compare, seq("between", field("low", $._expression), "and", field("high", $._expression))),

    // values

    _expression: ($) =>
      choice(
        $.identifier,
        $.number,
        $.money,
        $.call,
        $.times,
        $.baseline,
        $.previous_stage,
        $.binary,
        $.negation,
        $.group,
      ),
    binary: ($) =>
      choice(
        prec.left(PREC.sum, seq($._expression, choice("+", "-"), $._expression)),
        prec.left(PREC.product, seq($._expression, choice("*", "/"), $._expression)),
      ),
    negation: ($) => prec(PREC.negate, seq(choice("-", "+"), $._expression)),
    group: ($) => seq("(", $._expression, ")"),
    // `3x baseline`: the `x` is a part of the number
    times: ($) =>
      prec(PREC.negate, seq($.number, optional("x"), choice($.baseline, $.previous_stage, $.group))),
    call: ($) =>
      seq(
        field("function", $._function),
        "(",
        separated(",", $.identifier),
        "over",
        field("over", $.number),
        ")",
      ),
    baseline: () => "baseline",
    previous_stage: () => seq("previous", "stage"),

    // words

    _literal: ($) => seq(optional(choice("-", "+")), choice($.number, $.money)),
    money: ($) => prec.right(seq($.number, alias($._word, $.currency), optional($.per_time))),
    number: ($) => prec.right(seq($._amount, optional($.per_time))),
    _amount: () => token(/(\.\d|\d)[0-9A-Za-z_%µμ]*(\.\d[0-9A-Za-z_%µμ]*)*/),
    _function: ($) => choice(alias($._word, $.function), alias($._quantile, $.function)),
    // `p99.9` is one word
    _quantile: () => token(prec(1, /p\d+\.\d+/)),
    identifier: ($) => $._word,
    // a colon may stand inside of a metric's name
    _word: () => /[\p{L}_][\p{L}0-9_]*(:[\p{L}_][\p{L}0-9_]*)*/,
    string: ($) => seq('"', repeat(choice($.string_content, $.escape_sequence)), token.immediate('"')),
    string_content: () => token.immediate(prec(1, /[^"\\\n]+/)),
    escape_sequence: () => token.immediate(/\\[^\n]/),
    comment: () => token(/#[^\n]*/),
  },
});
