CREATE TABLE IF NOT EXISTS spark_rollouts (
  release     text PRIMARY KEY,
  fence       bigint NOT NULL CHECK (fence > 0),
  holder      text NOT NULL,
  lease_until timestamptz NOT NULL,
  head_seq    bigint NOT NULL CHECK (head_seq >= 0),
  head_sum    text NOT NULL CHECK (length(head_sum) = 64),
  begun_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz
);
CREATE INDEX IF NOT EXISTS spark_rollouts_unfinished ON spark_rollouts (lease_until) WHERE finished_at IS NULL;
CREATE TABLE IF NOT EXISTS spark_journal (
  release text NOT NULL REFERENCES spark_rollouts,
  seq     bigint NOT NULL CHECK (seq > 0),
  line    text NOT NULL,
  PRIMARY KEY (release, seq)
);
CREATE TABLE IF NOT EXISTS spark_words (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  release  text NOT NULL REFERENCES spark_rollouts,
  word     text NOT NULL,
  by       text NOT NULL,
  because  text NOT NULL,
  given_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  taken_at timestamptz,
  answer   text
);
CREATE INDEX IF NOT EXISTS spark_words_waiting ON spark_words (release, id) WHERE taken_at IS NULL;
CREATE TABLE IF NOT EXISTS spark_schema (version bigint PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT clock_timestamp());
INSERT INTO spark_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
