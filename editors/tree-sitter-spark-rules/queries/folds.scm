[
  (signal_body)
  (trigger_body)
  (plan_body)
  (check_body)
  (test_body)
] @fold
