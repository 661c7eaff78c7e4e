[
  (signal_body)
  (trigger_body)
  (plan_body)
  (check_body)
  (test_body)
  (group)
] @indent.begin

["}" ")"] @indent.branch @indent.end

(comment) @indent.auto
(string) @indent.ignore
