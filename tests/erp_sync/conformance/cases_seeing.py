"""The cases of reading and showing: master data, listing, health, preview, codes, secrets, what survives the way."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.errors import ErpRejected, ErpUnavailable
from tests.erp_sync.conformance.bench import Stage
from tests.erp_sync.conformance.cases import KINDS
from tests.erp_sync.conformance.registry import case

WORDS = "Größe Ø 5 – 漏れ"


def rows(adapter: port.ErpAdapter, entity: str, watermark: str = "") -> tuple[list[port.Record], str]:
    """All rows since a watermark, and the watermark reached."""
    found: list[port.Record] = []
    for page in adapter.pull(entity, watermark):
        found += page.records
        watermark = page.watermark
    return found, watermark


@case("Every kind is offered or refused in words, and nothing unknown is offered")
def capabilities_in_words(stage: Stage) -> None:
    adapter = stage.adapter()
    told = adapter.capabilities()
    assert set(told) == set(canonical.KINDS)
    for kind, able in told.items():
        assert able.supported or len(able.reason.split()) > 3, (kind, able)
    assert not adapter.capability(stage.command("no.such.kind", {})).supported
    assert stage.proxy is None or stage.proxy.seen == []


@case("The administration is told what it is, how far it is proven, and each option in words")
def profile_in_words(stage: Stage) -> None:
    profile = port.profile_of(stage.adapter().kind)
    assert profile.label != stage.adapter().kind
    names = [option.name for option in profile.options]
    assert len(names) == len(set(names))
    assert all(option.label and option.label != option.name for option in profile.options)
    assert all(len(words.split()) > 1 or len(words) > 3 for words in profile.mapping_kinds.values())
    assert all(len(words.split()) > 3 for words in profile.codes.values()), profile.codes


@case("Text with letters of all kinds arrives as it was")
def text_survives(stage: Stage) -> None:
    command = replace(stage.command(stage.bench.worded), text=WORDS)
    stage.post(stage.adapter(), command)
    (document,) = stage.bench.documents(command)
    assert document.text is not None
    assert WORDS[: stage.bench.text_length] in document.text


@case("The posting date arrives as that day")
def date_survives(stage: Stage) -> None:
    today = datetime.now(UTC).date()
    day = today - timedelta(days=1)
    command = replace(stage.command(), posting_date=day)
    stage.post(stage.adapter(), command)
    (document,) = stage.bench.documents(command)
    assert document.day == day


@case("Quantities with decimals arrive to the last digit, in their unit")
def decimals_exact(stage: Stage) -> None:
    payload, quantity, unit = stage.bench.fine()
    command = stage.command(payload=payload)
    stage.post(stage.adapter(), command)
    (document,) = stage.bench.documents(command)
    assert (document.quantity, document.unit) == (quantity, unit)


@case("Reading from the start brings every row once, with a watermark")
def pull_from_start(stage: Stage) -> None:
    found, watermark = rows(stage.adapter(), stage.bench.entity)
    assert found
    assert watermark
    assert {record.entity for record in found} == {stage.bench.entity}
    assert all(record.code and record.external_id for record in found)
    codes = [record.code for record in found]
    assert len(codes) == len(set(codes))


@case("Every entity can be asked for; one the ERP lacks is empty, and each row names its own")
def pull_every_entity(stage: Stage) -> None:
    adapter = stage.adapter()
    for entity in port.PULL_ENTITIES:
        for record in rows(adapter, entity)[0]:
            assert record.entity == entity


@case("Reading on from a watermark brings what changed since")
def pull_from_watermark(stage: Stage) -> None:
    adapter = stage.adapter()
    _, watermark = rows(adapter, stage.bench.entity)
    code = stage.bench.touch()
    changed, further = rows(adapter, stage.bench.entity, watermark)
    assert code in {record.code for record in changed}
    assert further


@case("Reading that stopped after any page goes on without a gap")
def pull_resumed(stage: Stage) -> None:
    adapter = stage.adapter()
    everything = {record.external_id for record in rows(adapter, stage.bench.entity)[0]}
    pages = adapter.pull(stage.bench.entity, "")
    first = next(iter(pages))
    rest, _ = rows(stage.adapter(), stage.bench.entity, first.watermark)
    assert {record.external_id for record in (*first.records, *rest)} >= everything


@case("A row taken away between two pages hides no other")
def pull_while_deleted(stage: Stage) -> None:
    adapter = stage.adapter()
    everything = {record.external_id for record in rows(adapter, stage.bench.entity)[0]}
    with stage.bench.paged():
        pages = adapter.pull(stage.bench.entity, "")
        first = next(pages)
        watermark = first.watermark
        with stage.bench.gone(first.records[0].external_id):
            rest, _ = rows(stage.adapter(), stage.bench.entity, watermark)
            same = [record for page in pages for record in page.records]
    begun = {record.external_id for record in first.records}
    assert begun | {record.external_id for record in rest} >= everything
    assert begun | {record.external_id for record in same} >= everything


@case("A row taken away while the identities are listed hides no other", needs=port.Listing)
def identities_while_deleted(stage: Stage) -> None:
    adapter = stage.adapter()
    assert isinstance(adapter, port.Listing)
    everything = set(adapter.identities(stage.bench.entity))
    with stage.bench.paged():
        told = iter(adapter.identities(stage.bench.entity))
        first = next(told)
        with stage.bench.gone(first):
            assert {first, *told} >= everything


@case("A row taken away in the ERP is no longer among its identities, or is read as deleted")
def pull_deletion(stage: Stage) -> None:
    adapter = stage.adapter()
    before, watermark = rows(adapter, stage.bench.entity)
    code = stage.bench.delete()
    gone = next(record.external_id for record in before if record.code == code)
    after, _ = rows(adapter, stage.bench.entity, watermark)
    told = {record.external_id for record in after if record.deleted or record.data.get("active") is False}
    if gone not in told:
        assert isinstance(adapter, port.Listing)
        assert gone not in set(adapter.identities(stage.bench.entity))


@case("A row with another code keeps its identity")
def pull_rename(stage: Stage) -> None:
    adapter = stage.adapter()
    before, watermark = rows(adapter, stage.bench.entity)
    old, new = stage.bench.rename()
    known = next(record.external_id for record in before if record.code == old)
    after, _ = rows(adapter, stage.bench.entity, watermark)
    assert {record.code for record in after if record.external_id == known} == {new}


@case("A broken page is an error and no end; what came before stays good and the next reading brings all")
def pull_broken_page(stage: Stage) -> None:
    adapter = stage.adapter()
    with stage.fault("half", stage.bench.reading), pytest.raises((ErpUnavailable, ErpRejected)):
        rows(adapter, stage.bench.entity)
    assert rows(adapter, stage.bench.entity)[0]


@case("Every row the ERP still has is among its identities", needs=port.Listing)
def identities_complete(stage: Stage) -> None:
    adapter = stage.adapter()
    assert isinstance(adapter, port.Listing)
    found = rows(adapter, stage.bench.entity)[0]
    told = set(adapter.identities(stage.bench.entity))
    assert {record.external_id for record in found if not record.deleted} <= told
    assert told <= {record.external_id for record in found}


@case("A listing that breaks proves nothing", needs=port.Listing)
def identities_broken(stage: Stage) -> None:
    adapter = stage.adapter()
    assert isinstance(adapter, port.Listing)
    with stage.fault("half", stage.bench.reading), pytest.raises(ErpUnavailable):
        list(adapter.identities(stage.bench.entity))


@case("Reconciliation finds the document by its key, with the number the posting has")
def listed_for_reconciliation(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    assert adapter.reconciles
    posted = stage.post(adapter, command)
    since = datetime.now(UTC) - timedelta(hours=1)
    mine = [one for one in adapter.list_documents(since) if one.business_key == command.business_key]
    assert [(one.erp_number, one.final) for one in mine] == [(posted.erp_number, True)]


@case("The test of the connection says yes where it can log in")
def ping_ok(stage: Stage) -> None:
    health = stage.adapter().ping()
    assert health.ok, health
    assert health.detail


@case("The test of the connection says no in words where nobody answers")
def ping_away(stage: Stage) -> None:
    away = stage.bench.build(stage.bench.away())
    stage.adapters.append(away)
    health = away.ping()
    assert health.ok is False
    assert health.detail


@case("The test of the connection tells the ERP's own clock")
def ping_clock(stage: Stage) -> None:
    health = stage.adapter().ping()
    assert health.clock is not None
    assert health.clock.tzinfo is not None
    assert abs(health.clock - datetime.now(UTC)) < timedelta(minutes=2)


@case("What is shown before sending is what is sent, and showing asks nobody", needs=port.Previewing)
def preview_is_what_is_sent(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command()
    assert isinstance(adapter, port.Previewing)
    shown = adapter.preview(command)
    stage.said.extend(shown)
    assert shown
    assert stage.proxy is None or stage.proxy.seen == []
    stage.post(adapter, command)
    real = stage.bench.sent([] if stage.proxy is None else list(stage.proxy.seen))
    assert [step.method for step in shown] == [method for method, _, _ in real]
    for step, (_, address, body) in zip(shown, real, strict=True):
        assert _same(_local(step.address), _local(address)), (step.address, address)
        assert body is None or _same(step.body, body), (step.body, body)


@case("Every kind that is offered can be shown, and what is not says why", needs=port.Previewing)
def preview_of_every_kind(stage: Stage) -> None:
    adapter = stage.adapter()
    assert isinstance(adapter, port.Previewing)
    for kind in KINDS:
        if stage.bench.payload(kind) is None:
            with pytest.raises(ErpRejected):
                adapter.preview(stage.command(kind, {}))
        else:
            assert adapter.preview(stage.command(kind)), kind


@case("A code the ERP has is known, another is not", needs=port.CodeChecking)
def check_code(stage: Stage) -> None:
    adapter = stage.adapter()
    assert isinstance(adapter, port.CodeChecking)
    kind, ours, theirs = stage.bench.known_code
    assert kind in port.profile_of(adapter.kind).mapping_kinds
    assert adapter.check_code(kind, ours, theirs).ok is True
    unknown = "9999/9999" if "/" in theirs else "NO-SUCH"
    assert adapter.check_code(kind, ours, unknown).ok is False


@case("No password, token or key is in an outcome, a preview, an error or the log")
def secrets_stay_inside(stage: Stage) -> None:
    adapter, stranger = stage.adapter(), stage.adapter(**stage.bench.wrong_login())
    stage.post(adapter, stage.command())
    refused = stage.command(payload=stage.bench.refused())
    stage.settle(adapter, refused)
    stage.said += [stage.send(stranger, stage.command()), stranger.ping(), adapter.ping()]
    if isinstance(adapter, port.Previewing):
        stage.said += adapter.preview(stage.command())
    told = f"{stage.said!r}\n{stage.logged()}\n{adapter!r}"
    assert stage.bench.secrets
    for secret in (*stage.bench.secrets, *map(str, stage.bench.wrong_login().values())):
        assert secret not in told


def _local(address: str) -> str:
    """An address without its scheme and host."""
    return re.sub(r"^https?://[^/]+", "", address)


def _same(shown: Any, real: Any) -> bool:
    """Whether a shown value is the real one. What only the ERP knows yet is shown as `<what>` or with dots."""
    if isinstance(shown, dict) and isinstance(real, dict):
        return all(_same(value, real.get(name)) for name, value in shown.items())
    if isinstance(shown, list | tuple) and isinstance(real, list | tuple):
        return len(shown) == len(real) and all(map(_same, shown, real))
    if isinstance(shown, str) and re.search(r"<[^<>]+>|\.\.\.", shown) and not shown.startswith("<?xml"):
        pattern = re.sub(
            r"<[^<>]+>|\\\.\\\.\\\.", ".*", re.escape(shown).replace("\\<", "<").replace("\\>", ">")
        )
        return re.fullmatch(pattern, str(real), re.DOTALL) is not None
    return bool(shown == real)
