; What is shown in which colour. Of several matches the last one counts.

(comment) @comment
(string) @string
(escape_sequence) @string.escape
(matcher pattern: (string) @string.regexp)
(number) @number
(money) @number
(unit) @type
(currency) @type

[
  "edition" "evaluate" "use"
  "signal" "trigger" "plan" "check" "test"
] @keyword

[
  "is" "from" "in" "stale" "after" "expect"
  "clear" "given" "unless" "unknown" "runbook" "owner" "when"
  "stage" "for" "proceed" "needs" "approval" "warmup" "watch"
  "probe" "measure" "pass" "else" "evidence"
  "at" "of" "on" "decision" "because"
  "over" "within" "by" "metrics" "prometheus" "sql"
  "to" "with" "noise" "once" "rises" "falls" "nothing" "restart" "error"
  "meets" "its" "expectation"
] @keyword
"every" @keyword
(push) @keyword

["and" "or" "not" "then" "between"] @keyword.operator
[">" ">=" "<" "<=" "==" "!=" "=" "=~" "!~" "+" "-" "*" "/"] @operator
(times "x" @operator)
["{" "}" "(" ")"] @punctuation.bracket
"," @punctuation.delimiter
(finding "." @punctuation.delimiter)

; how grave it is
["warn" "hold" "rollback"] @keyword
(state) @constant.builtin
["NaN" "Inf"] @constant.builtin
(baseline) @constant.builtin
(previous_stage) @constant.builtin
(track ["baseline" "canary"] @constant.builtin)

(type) @type.builtin
(function) @function
(metric) @variable
(label) @property
(identifier) @variable

(signal name: (identifier) @variable.definition)
(trigger name: (identifier) @function.definition)
(plan name: (identifier) @module)
(check name: (identifier) @function.definition)
(probe name: (identifier) @module)
(measure name: (identifier) @variable.definition)
(finding check: (identifier) @function)
(expect_check name: (identifier) @function)
(unless (identifier) @function)
(at_stage plan: (identifier) @module)
(_ title: (string) @string.special)
