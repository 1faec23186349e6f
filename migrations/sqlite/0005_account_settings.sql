-- When DeleteTaskDefinitions was asked to delete a revision; it goes when no row names it any more.
ALTER TABLE task_definitions ADD COLUMN delete_requested_at INTEGER;

-- What principals have set for themselves; the account's own defaults are those of its root.
CREATE TABLE account_settings (
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    principal  TEXT NOT NULL,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (account, region, principal, name)
) STRICT, WITHOUT ROWID;
