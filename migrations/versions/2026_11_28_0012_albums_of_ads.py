"""A comment on an ad has the permalink of the organic post, or else of the ad, albums or not."""

from importlib import import_module

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

before = import_module("migrations.versions.2026_11_23_0005_enrichment")

# For an ad the organic post was read; its own album may be nobody's to read. Where the post tells
# no page, as a part of an album does not, the page is what the comment's own read told.
COMMENTS = before.COMMENTS.replace(
    """    media.permalink,
    media.caption AS media_caption,
    media.posted_at AS media_posted_at
""",
    """    coalesce(post.permalink, media.permalink, c.graph ->> 'permalink') AS permalink,
    coalesce(post.caption, media.caption) AS media_caption,
    coalesce(post.posted_at, media.posted_at) AS media_posted_at
""",
    1,
).replace(
    """LEFT JOIN hookline.media
    ON media.media_id = coalesce(c.album_id, c.canonical_media_id, c.graph ->> 'media_id')
""",
    """LEFT JOIN hookline.media AS post ON post.media_id = c.original_media_id
LEFT JOIN hookline.media
    ON media.media_id = coalesce(c.album_id, c.media_id, c.graph ->> 'media_id')
""",
    1,
)


def upgrade() -> None:
    op.execute(f"CREATE OR REPLACE VIEW analytics.comments AS {COMMENTS}")


def downgrade() -> None:
    op.execute(f"CREATE OR REPLACE VIEW analytics.comments AS {before.COMMENTS}")
