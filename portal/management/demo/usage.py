"""The usage reports of every quarter that is over."""

from __future__ import annotations

from portal.management.demo.world import World
from reports.queries import drafts
from reports.services.reports import publish_report


def publish(world: World) -> None:
    for draft in reversed(drafts(at=world.at)):
        if draft.is_due:
            publish_report(quarter=draft.quarter, actor=world.users["analyst"], at=world.at)
