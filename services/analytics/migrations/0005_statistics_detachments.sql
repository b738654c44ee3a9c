-- Whose statistics nobody sees, because the account is being deleted or is gone.
--
-- One row per saga and stage: 1 hides, 2 shows again and wins, in whatever order and however often they come. An
-- owner is hidden while any saga stands at stage 1.
CREATE TABLE IF NOT EXISTS statistics_detachments
(
    auth_user_id UUID,
    saga_id      UUID,
    stage        UInt8
)
ENGINE = ReplacingMergeTree(stage)
ORDER BY (auth_user_id, saga_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
