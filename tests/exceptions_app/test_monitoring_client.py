"""The vendor's own client library reports to us over TLS; only its base address is changed."""

import ssl
from pathlib import Path
from typing import Any

import pagerduty
import pytest

from exceptions_app.models import Channel, Signal, Source
from tests.tls_front import TlsFront

KEY = "k" * 32


@pytest.mark.django_db(transaction=True)
def test_the_official_client_reports_and_ends_an_alert(live_server: Any, tmp_path: Path) -> None:
    """The vendor's own library, over TLS, with nothing changed but the address."""
    Source.objects.create(
        code="vendor",
        name="Vendor",
        channel=Channel.MACHINE,
        adapter="pagerduty",
        secrets={"routing_key": KEY},
    )
    with TlsFront(live_server.url, tmp_path) as front:
        trusted = ssl.create_default_context(cafile=str(front.authority))
        client = pagerduty.EventsApiV2Client(KEY, base_url=f"{front.url}/hooks/pagerduty", verify=trusted)
        key = client.trigger("Chiller high temperature", "bms", severity="warning", custom_details={"t": 31})
        assert len(key) == 32
        assert client.acknowledge(key) == key
        assert client.resolve(key) == key
        stranger = pagerduty.EventsApiV2Client("x" * 32, base_url=client.url, verify=trusted)
        with pytest.raises(pagerduty.HttpError):
            stranger.resolve(key)
    rows = Signal.objects.filter(source__code="vendor").order_by("pk")
    assert [row.conversation for row in rows] == [key] * 3
    assert [row.fields["intent"] for row in rows] == ["report", "acknowledged", "recovery"]
    assert rows[0].text == "Chiller high temperature"
