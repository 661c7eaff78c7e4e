-- One row for each key that a client named: the same body again has the same answer, another body is a conflict.
CREATE TABLE idempotency_keys (
    key         text COLLATE "C" PRIMARY KEY,
    origin      text COLLATE "C" NOT NULL,
    -- SHA-256 of what was asked for, not of how it was spelled
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    -- null only inside the transaction that answers
    status      integer,
    answer      text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (origin, expires_at);

-- Events leave by this table alone: written in the transaction that makes them true, sent later, at least once.
CREATE TABLE outbox (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin          text COLLATE "C" NOT NULL,
    topic           text COLLATE "C" NOT NULL,
    payload         jsonb NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    sent_at         timestamptz
);
CREATE INDEX outbox_unsent ON outbox (origin, next_attempt_at, id) WHERE sent_at IS NULL;
