// The time of a rate, `/min` in `50/min`: it sticks to its number, and its word ends there. No state is kept.

#include <string.h>
#include "tree_sitter/parser.h"

enum Token { PER_TIME };

static const char *const TIMES[] = {"s",   "sec",  "secs",  "second", "seconds", "m",  "min", "mins", "minute",
                                    "minutes", "h", "hr",    "hrs",    "hour",    "hours", "d", "day",  "days"};

// the longest of them, and its end
enum { LONGEST = 8 };

void *tree_sitter_spark_rules_external_scanner_create(void) { return NULL; }
void tree_sitter_spark_rules_external_scanner_destroy(void *payload) { (void)payload; }
unsigned tree_sitter_spark_rules_external_scanner_serialize(void *payload, char *buffer) {
  (void)payload;
  (void)buffer;
  return 0;
}
void tree_sitter_spark_rules_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  (void)payload;
  (void)buffer;
  (void)length;
}

static bool in_word(int32_t c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c > 127;
}

bool tree_sitter_spark_rules_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  (void)payload;
  if (!valid[PER_TIME] || lexer->lookahead != '/') {
    return false;
  }
  lexer->advance(lexer, false);
  char word[LONGEST];
  unsigned length = 0;
  while (in_word(lexer->lookahead)) {
    if (length == LONGEST - 1 || lexer->lookahead > 127) {
      return false;
    }
    word[length++] = (char)lexer->lookahead;
    lexer->advance(lexer, false);
  }
  word[length] = '\0';
  for (unsigned i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
    if (strcmp(word, TIMES[i]) == 0) {
      lexer->mark_end(lexer);
      lexer->result_symbol = PER_TIME;
      return true;
    }
  }
  return false;
}
