"""Feeds that people subscribe to, and the answers that come back."""

from calendars.models.feeds import FETCHES_KEPT, FeedFetch, FeedRevision, FeedToken
from calendars.models.inbound import InboundReply, InboundReplyQuerySet

__all__ = [
    "FETCHES_KEPT",
    "FeedFetch",
    "FeedRevision",
    "FeedToken",
    "InboundReply",
    "InboundReplyQuerySet",
]
