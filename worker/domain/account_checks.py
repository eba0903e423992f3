"""What test_connection and doctor both judge about the sevDesk account. Pure."""

from collections.abc import Collection, Mapping

from worker.domain.health_check import Check, check_that

NEEDED_VERSION = "2.0"  # tax rules, which every invoice of ours names, exist from 2.0 on (official)
UPDATE_CONFIG = "sevdesk-worker enqueue update_config"


def version_check(name: str, version: str) -> Check:
    """The account's bookkeeping system; `name` is the check's."""
    bad = f"sevDesk's bookkeeping system is {version}; tax rules need {NEEDED_VERSION}."
    step = "Let sevDesk's support move the account to the new bookkeeping system."
    good = f"sevDesk takes the token; its bookkeeping system is {version}."
    return check_that(name, version == NEEDED_VERSION, good, bad, next_step=step)


def templates_check(named: Mapping[str, str], known: Collection[str]) -> Check:
    """`named`: the place where a template is named, and its id; `known`: the ids that sevDesk has."""
    places = [place for place, template_id in named.items() if template_id not in known]
    lost = [f"{place} names {named[place]}" for place in places]
    defaults = " ".join(f"{place}=null" for place in places if " " not in place)  # the others are rows
    step = "Name others there."
    if defaults:
        step += f" Or take sevDesk's default: {UPDATE_CONFIG} {defaults}."
    own = f"the {len(named)} that are named here among them" if named else "none is named here, so it takes its default"
    good = f"sevDesk has {len(known)} templates, {own}."
    bad = f"sevDesk has {len(known)} templates, but not these: {', '.join(lost[:3])}."
    return check_that("templates", not lost, good, bad, next_step=step)
