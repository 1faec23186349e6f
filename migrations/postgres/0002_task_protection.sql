-- Until when the scheduler leaves a task alone (UpdateTaskProtection); null when it is not protected.
ALTER TABLE tasks ADD COLUMN protected_until bigint;
