"""The three addresses machines look at."""

import pytest

from execlayer import health

pytestmark = pytest.mark.django_db


def test_alive_needs_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_ready_when_all_parts_are(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": "ok", "redis": "ok", "migrations": "ok"}


def test_not_ready_without_redis_and_says_so(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["redis"] == "unreachable: ConnectionError"
    assert answer.json()["database"] == "ok"


def test_not_ready_with_a_migration_missing(client, monkeypatch):
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: [("one", False)])
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["migrations"] == "1 not applied"


def test_metrics_count_the_work_that_waits(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['execlayer_due{table="signals"}'] == "0"
    assert 'execlayer_postings{status="queued"}' in values
