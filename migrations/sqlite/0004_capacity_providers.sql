-- Capacity providers belong to a namespace; clusters are associated with them in their own documents.
CREATE TABLE capacity_providers (
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    name      TEXT NOT NULL,
    -- Counts changes: a change names the version it was made from.
    version   INTEGER NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

-- The provider whose share of a strategy the task is; null for tasks that run by launch type.
ALTER TABLE tasks ADD COLUMN capacity_provider TEXT;
