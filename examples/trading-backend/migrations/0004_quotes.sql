-- The last quotes that an instance saw, for screens that ask the database: few rows, changed all the time. Each
-- instance has a partition of its own, and keeps it clean.
CREATE TABLE quotes (
    origin     text COLLATE "C" NOT NULL,
    symbol     text COLLATE "C" NOT NULL REFERENCES instruments (symbol),
    side       text COLLATE "C" NOT NULL CHECK (side IN ('bid', 'ask')),
    level      integer NOT NULL,
    price      numeric(20, 8) NOT NULL DEFAULT 0,
    quantity   numeric(20, 8) NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (origin, symbol, side, level)
) PARTITION BY LIST (origin);

-- Browsers' reports of what the content security policy refused, at most as many as flood control lets through.
CREATE TABLE csp_reports (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin    text COLLATE "C" NOT NULL,
    directive text COLLATE "C" NOT NULL,
    blocked   text COLLATE "C" NOT NULL,
    at        timestamptz NOT NULL DEFAULT now()
);
