"""A live shift: trouble reported and worked on at a human pace, every step over the real HTTP interfaces.

Looks at the database to know what people would see on their screens; acts only through the API, each person with a
token of their own. Leaves alone what a visitor reported: only records it reported itself are worked on.
"""

import heapq
import itertools
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from core import clock
from core.services import beat
from decisions_app.models import Option, Task, TaskStatus
from decisions_app.selectors import options_for
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord, Response
from exceptions_app.models.responses import ANSWERED
from execlayer.simulation.world import Trouble, World, answers_for, decider_for
from plant_app.models import ApiToken, Operation, Site, User
from plant_app.services import issue_token, revoke_token

logger = logging.getLogger(__name__)

HEARTBEAT = "simulated shift"
TOKEN_NAME = "simulated shift"  # noqa: S105 (a name, not a secret)
PREFIX = "shift"
MOST_OPEN = 12
LOOK_EVERY = 4.0
# Medians in seconds at pace 1, for people who are not in a hurry to please a visitor.
REPORT, ANSWER, ANSWER_CAST, DECIDE, DO = 75.0, 80.0, 200.0, 150.0, 140.0
PROGRESS = 20.0

Step = Callable[[], None]


@dataclass
class Shift:
    """One simulated shift. `pace` 2 is twice as fast; `pause_file` holds it while it exists."""

    base_url: str
    seed: int = 118204
    pace: float = 1.0
    pause_file: Path | None = None
    verify: bool = True
    dice: random.Random = field(init=False)
    agenda: list[tuple[float, int, Step]] = field(default_factory=list)
    tokens: dict[int, str] = field(default_factory=dict)
    mine: set[int] = field(default_factory=set)
    planned: set[tuple[str, int]] = field(default_factory=set)
    reports: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 (a demo's dice)
        self.client = httpx.Client(base_url=self.base_url, timeout=20, verify=self.verify)
        self.order = itertools.count()
        self.worlds: list[World] = []

    # --- running ---------------------------------------------------------------------------------------------
    def run(self, *, seconds: float | None = None) -> None:
        """Work until `seconds` have passed (for ever without); ends its tokens when it ends."""
        self._prepare()
        ends = None if seconds is None else time.monotonic() + seconds
        try:
            self._at(2.0, self._report)
            self._at(1.0, self._look)
            self._at(5.0, self._progress)
            while ends is None or time.monotonic() < ends:
                self._tick()
        finally:
            self.close()

    def close(self) -> None:
        """End every token this shift was given."""
        for token in ApiToken.objects.filter(name=TOKEN_NAME, revoked_at=None):
            revoke_token(token=token)
        self.client.close()

    def _tick(self) -> None:
        if self.pause_file is not None and self.pause_file.exists():
            beat(HEARTBEAT, paused=True, reports=self.reports)
            time.sleep(1.0)
            return
        if not self.agenda or self.agenda[0][0] > time.monotonic():
            time.sleep(0.2)
            return
        _, _, step = heapq.heappop(self.agenda)
        try:
            step()
        except httpx.HTTPError as error:
            logger.warning("the portal did not answer: %s", error)
            time.sleep(2.0)

    def _at(self, seconds: float, step: Step) -> None:
        heapq.heappush(self.agenda, (time.monotonic() + seconds, next(self.order), step))

    def _soon(self, median: float) -> float:
        """Seconds until somebody gets round to it: log-normal around `median`, faster with pace."""
        return self.dice.lognormvariate(0, 0.55) * median / self.pace

    def _prepare(self) -> None:
        for token in ApiToken.objects.filter(name=TOKEN_NAME, revoked_at=None):
            revoke_token(token=token)
        self.worlds = [World.of(site, self.dice) for site in Site.objects.order_by("pk")]
        self.mine = set(
            ExceptionRecord.objects.live()
            .filter(readings__opened=True, readings__signal__external_id__startswith=f"{PREFIX}-")
            .values_list("pk", flat=True)
        )

    # --- steps -----------------------------------------------------------------------------------------------
    def _report(self) -> None:
        """Something goes wrong somewhere, unless enough is open already."""
        self._at(self._soon(REPORT), self._report)
        if len(self.mine) >= MOST_OPEN:
            return
        world = self.dice.choices(
            self.worlds, [4 if index == 0 else 1 for index, _ in enumerate(self.worlds)]
        )[0]
        trouble = world.trouble(clock.now())
        if trouble is None:
            return
        answer = self._post(trouble.reporter, "/api/v1/signals/", self._signal(trouble))
        self.reports += 1
        if answer and answer.get("exception"):
            found = (
                ExceptionRecord.objects.filter(ref=answer["exception"]["ref"])
                .values_list("pk", flat=True)
                .first()
            )
            if found is not None:
                self.mine.add(found)

    def _signal(self, trouble: Trouble) -> dict[str, Any]:
        return {
            "channel": "station",
            "external_id": f"{PREFIX}-{self.seed}-{int(time.time() * 1000)}-{self.reports}",
            "site": trouble.site.code,
            "text": trouble.text,
            "fields": trouble.fields,
        }

    def _look(self) -> None:
        """See what waits for whom and put it on people's agenda."""
        self._at(LOOK_EVERY, self._look)
        beat(HEARTBEAT, paused=False, reports=self.reports, open=len(self.mine))
        live = list(
            ExceptionRecord.objects.filter(pk__in=self.mine).select_related("type", "site", "reason", "owner")
        )
        self.mine = {row.pk for row in live if row.is_live}
        for exception in live:
            self._look_at(exception)

    def _look_at(self, exception: ExceptionRecord) -> None:
        if exception.status in {Status.OPEN, Status.ACKNOWLEDGED}:
            for response in exception.responses.exclude(status__in=(*ANSWERED, "declined")).select_related(
                "person"
            ):
                self._plan_answer(response)
        if exception.status == Status.ACKNOWLEDGED and self._once("decide", exception.pk):
            self._at(self._soon(DECIDE), lambda: self._decide(exception.pk))
        if exception.status == Status.DECIDED:
            for task in exception.tasks.filter(status=TaskStatus.OPEN, blocking=True).select_related(
                "person"
            ):
                if self._once("task", task.pk):
                    self._at(self._soon(DO), lambda pk=task.pk: self._finish(pk))  # type: ignore[misc]

    def _once(self, what: str, pk: int) -> bool:
        if (what, pk) in self.planned:
            return False
        self.planned.add((what, pk))
        return True

    def _plan_answer(self, response: Response) -> None:
        person = response.person
        if person is None or not self._once(f"answer {person.pk}", response.pk):
            return
        if self.dice.random() < 0.05:
            return  # somebody does not hear their tablet; the ladder goes on
        median = ANSWER_CAST if person.has_usable_password() else ANSWER
        self._at(self._soon(median), lambda: self._answer(response.pk, person))

    def _answer(self, pk: int, person: User) -> None:
        self._post(person, f"/api/v1/responses/{pk}/acknowledge/", {})
        response = Response.objects.filter(pk=pk).first()
        if response is not None and response.is_owner:
            self._at(self._soon(20), lambda: self._walk(pk, person, "on-my-way", {"eta_minutes": 4}))
            self._at(self._soon(90), lambda: self._walk(pk, person, "arrived", {}))

    def _walk(self, pk: int, person: User, verb: str, body: dict[str, Any]) -> None:
        response = Response.objects.filter(pk=pk).first()
        if response is not None and response.status in ANSWERED and response.status not in {"acting", "done"}:
            self._post(person, f"/api/v1/responses/{pk}/{verb}/", body)

    def _decide(self, pk: int) -> None:
        exception = ExceptionRecord.objects.select_related("type", "site").filter(pk=pk).first()
        if exception is None or exception.status != Status.ACKNOWLEDGED:
            self.planned.discard(("decide", pk))
            return
        views = {view.option.code: view for view in options_for(exception)}
        for code in self.dice.sample(sorted(views), len(views)):
            option: Option = views[code].option
            actor = decider_for(exception.site, option.deciders, clock.now())
            missing = [
                entry["name"]
                for entry in option.inputs
                if entry.get("required") and views[code].values.get(entry["name"]) in (None, "")
            ]
            if actor is None or missing:
                continue
            body = {"option": code, "inputs": views[code].values, "reason": option.when[:120]}
            if self._post(actor, f"/api/v1/exceptions/{exception.ref}/decide/", body) is not None:
                return
        self.planned.discard(("decide", pk))

    def _finish(self, pk: int) -> None:
        task = Task.objects.select_related("person", "exception__site", "exception__reason", "function").get(
            pk=pk
        )
        if task.status != TaskStatus.OPEN:
            return
        actor = task.person or decider_for(task.exception.site, [task.role], clock.now())
        if actor is None:
            return
        reason = task.exception.reason.code if task.exception.reason else ""
        self._post(
            actor, f"/api/v1/tasks/{pk}/finish/", {"result": answers_for(task.asks, self.dice, reason)}
        )

    def _progress(self) -> None:
        """A running machine counts a few more pieces, or a free one begins its next order."""
        self._at(self._soon(PROGRESS), self._progress)
        running = list(
            Operation.objects.filter(status="running", actual_unit__isnull=False)
            .select_related("work_order", "work_centre__area__site", "actual_unit")
            .order_by("pk")
        )
        if not running:
            return
        operation = self.dice.choice(running)
        site = operation.work_centre.area.site
        operator = decider_for(site, ["operator"], clock.now())
        left = operation.work_order.quantity - operation.good - operation.scrap
        if operator is None:
            return
        body = (
            {"kind": "finish"}
            if left <= 0
            else {"kind": "count", "good": str(min(left, self.dice.randint(1, 4)))}
        )
        self._post(operator, f"/api/v1/operations/{operation.pk}/progress/", body)

    # --- talking to the portal -------------------------------------------------------------------------------
    def _post(self, person: User, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Post as somebody; None when the portal refused, with its words in the log."""
        answer = self.client.post(path, json=body, headers={"Authorization": f"Bearer {self._token(person)}"})
        if answer.status_code >= 400:
            logger.info("%s was refused %s: %s", person, path, answer.text[:200])
            return None
        result: dict[str, Any] = answer.json()
        return result

    def _token(self, person: User) -> str:
        if person.pk not in self.tokens:
            _, secret = issue_token(user=person, name=TOKEN_NAME)
            self.tokens[person.pk] = secret
        return self.tokens[person.pk]
