"""Reply: answers to mentions and comments, each sent once at most."""

from workers.reply.handler import ReplyHandler
from workers.reply.worker import run_beside

__all__ = ["make_handler", "run_beside"]

make_handler = ReplyHandler
