"""Reply: answers to mentions and comments, each sent once at most."""

from workers.reply.handler import ReplyHandler
from workers.reply.worker import require_settings, run_beside

__all__ = ["make_handler", "require_settings", "run_beside"]

make_handler = ReplyHandler
