"""Feeds that people subscribe to, and the answers that come back."""

from calendars.models.feeds import FeedRevision, FeedToken
from calendars.models.inbound import InboundReply, InboundReplyQuerySet

__all__ = ["FeedRevision", "FeedToken", "InboundReply", "InboundReplyQuerySet"]
