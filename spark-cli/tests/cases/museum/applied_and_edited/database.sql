CREATE TABLE accounts (id bigint PRIMARY KEY, balance numeric NOT NULL);
CREATE TABLE _prisma_migrations (
    id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
    logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0
);
INSERT INTO _prisma_migrations VALUES
    ('7a0c6a1e-6f0e-4d57-9f0e-0d6f6f1f2a11', '31f5905522e1e43d9d9aa457f480da60303693ad1741f012afcef594cd848aca', now(), '20260101090000_accounts', NULL, NULL, now(), 1);
