; Names are those of the whole file: there is one scope.

(source_file) @local.scope

(signal name: (identifier) @local.definition)
(trigger name: (identifier) @local.definition)
(plan name: (identifier) @local.definition)
(check name: (identifier) @local.definition)
(measure name: (identifier) @local.definition)

(comparison (identifier) @local.reference)
(binary (identifier) @local.reference)
(negation (identifier) @local.reference)
(group (identifier) @local.reference)
(call (identifier) @local.reference)
(unless (identifier) @local.reference)
(series signal: (identifier) @local.reference)
(flag (identifier) @local.reference)
(finding check: (identifier) @local.reference)
(finding measure: (identifier) @local.reference)
(expect_check name: (identifier) @local.reference)
(at_stage plan: (identifier) @local.reference)
(expect_state name: (identifier) @local.reference)
(expect_decision (identifier) @local.reference)
