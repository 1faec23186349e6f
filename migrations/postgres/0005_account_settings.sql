-- When DeleteTaskDefinitions was asked to delete a revision; it goes when no row names it any more.
ALTER TABLE task_definitions ADD COLUMN delete_requested_at bigint;

-- What principals have set for themselves; the account's own defaults are those of its root.
CREATE TABLE account_settings (
    account    text NOT NULL,
    region     text NOT NULL,
    principal  text NOT NULL,
    name       text NOT NULL,
    value      text NOT NULL,
    PRIMARY KEY (account, region, principal, name)
);
