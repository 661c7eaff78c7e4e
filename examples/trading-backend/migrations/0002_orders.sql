-- Orders and what became of them. Money is NUMERIC throughout; a price off its tick or a quantity off its lot cannot be stored.
CREATE TABLE orders (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- the instance that took it, which alone goes on with it
    origin     text COLLATE "C" NOT NULL,
    account    text COLLATE "C" NOT NULL CHECK (account ~ '^[A-Za-z0-9_-]{1,32}$'),
    symbol     text COLLATE "C" NOT NULL,
    side       text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
    price      numeric(20, 8),
    quantity   numeric(20, 8) NOT NULL,
    filled     numeric(20, 8) NOT NULL DEFAULT 0,
    tick       numeric(20, 8) NOT NULL,
    lot        numeric(20, 8) NOT NULL,
    status     text COLLATE "C" NOT NULL CHECK (status IN ('open', 'filled', 'cancelled')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (symbol, tick, lot) REFERENCES instruments (symbol, tick, lot),
    -- a market order has no price
    CONSTRAINT orders_price_on_tick CHECK (price > 0 AND mod(price, tick) = 0),
    CONSTRAINT orders_quantity_on_lot CHECK (quantity > 0 AND mod(quantity, lot) = 0),
    CONSTRAINT orders_filled_in_range CHECK (filled BETWEEN 0 AND quantity AND mod(filled, lot) = 0),
    CONSTRAINT orders_filled_is_full CHECK ((status = 'filled') = (filled = quantity))
);
CREATE INDEX orders_open ON orders (origin, id) WHERE status = 'open';

CREATE TABLE fills (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders (id),
    price    numeric(20, 8) NOT NULL CHECK (price > 0),
    quantity numeric(20, 8) NOT NULL CHECK (quantity > 0),
    -- price × quantity; without a scale, so that an amount that was not computed exactly shows as what it is
    notional numeric NOT NULL CHECK (notional > 0),
    at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX fills_of_order ON fills (order_id);

-- What an account holds. Closed positions stay as history; one at most is open for an account and a symbol.
CREATE TABLE positions (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account   text COLLATE "C" NOT NULL,
    symbol    text COLLATE "C" NOT NULL REFERENCES instruments (symbol),
    quantity  numeric(20, 8) NOT NULL,
    -- what was paid for it, less what was had for it
    cost      numeric NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    CONSTRAINT positions_closed_is_flat CHECK ((quantity = 0) = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX positions_one_open ON positions (account, symbol) WHERE closed_at IS NULL;
