(prometheus query: (string (string_content) @injection.content)
  (#set! injection.language "promql")
  (#set! injection.combined))

(sql query: (string (string_content) @injection.content)
  (#set! injection.language "sql")
  (#set! injection.combined))

(matcher pattern: (string (string_content) @injection.content)
  (#set! injection.language "regex")
  (#set! injection.combined))

((comment) @injection.content
  (#set! injection.language "comment"))
