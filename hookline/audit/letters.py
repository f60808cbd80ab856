"""Dead letters as an audit joins them: each at most once a delivery, or once a change."""

from typing import Final

LETTERS: Final = """
parked_whole AS (
    -- Of whole deliveries, or of all changes of one field.
    SELECT DISTINCT delivery_id FROM hookline.dead_letters
    WHERE state = 'parked' AND stage IN ('archive', 'dedupe') AND delivery_id IS NOT NULL
),
parked_alone AS (
    SELECT DISTINCT delivery_id, key FROM hookline.dead_letters
    WHERE state = 'parked' AND stage = 'persist' AND delivery_id IS NOT NULL
        AND starts_with(source_topic, 'instagram.events.')
),
ended_whole AS (
    SELECT DISTINCT delivery_id FROM hookline.dead_letters
    WHERE state <> 'redriven' AND stage = 'archive' AND delivery_id IS NOT NULL
),
ended_alone AS (
    SELECT DISTINCT delivery_id, key FROM hookline.dead_letters
    WHERE state <> 'redriven' AND stage = 'persist' AND delivery_id IS NOT NULL
        AND starts_with(source_topic, 'instagram.events.')
),
redriven AS (
    -- What was sent again has its time anew.
    SELECT delivery_id, max(state_changed_at) AS redriven_at FROM hookline.dead_letters
    WHERE state = 'redriven' AND delivery_id IS NOT NULL GROUP BY 1
)
"""
