-- What can be traded. Symbols are compared byte by byte: a collation of the operating system may change its order with an
-- update, and a unique index over it then holds duplicates.
CREATE TABLE instruments (
    symbol   text COLLATE "C" PRIMARY KEY,
    title    text COLLATE "und-x-icu" NOT NULL,
    venue    text COLLATE "C" NOT NULL CHECK (venue IN ('bist', 'binance', 'btcturk')),
    currency text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3,5}$'),
    tick     numeric(20, 8) NOT NULL CHECK (tick > 0),
    lot      numeric(20, 8) NOT NULL CHECK (lot > 0),
    -- what orders refer to, so that their own tick and lot are the instrument's
    UNIQUE (symbol, tick, lot)
);

INSERT INTO instruments (symbol, title, venue, currency, tick, lot) VALUES
    ('ASELS',   'Aselsan',            'bist',    'TRY',  0.10,    1),
    ('GARAN',   'Garanti BBVA',       'bist',    'TRY',  0.10,    1),
    ('THYAO',   'Türk Hava Yolları',  'bist',    'TRY',  0.25,    1),
    ('BNBUSDT', 'BNB / Tether',       'binance', 'USDT', 0.01,    0.001),
    ('BTCUSDT', 'Bitcoin / Tether',   'binance', 'USDT', 0.01,    0.00001),
    ('ETHUSDT', 'Ether / Tether',     'binance', 'USDT', 0.01,    0.0001),
    ('BTCTRY',  'Bitcoin / Lira',     'btcturk', 'TRY',  1,       0.00000001),
    ('ETHTRY',  'Ether / Lira',       'btcturk', 'TRY',  1,       0.0001),
    ('USDTTRY', 'Tether / Lira',      'btcturk', 'TRY',  0.001,   0.01);
