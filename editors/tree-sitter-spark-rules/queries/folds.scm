[
  (signal_body)
  (trigger_body)
  (plan_body)
  (test_body)
] @fold
