"""Every template compiles, and the vocabulary tags write the HTML the style sheets know."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template, engines
from django.test import RequestFactory
from django.utils import timezone

from boards_app import places
from core import clock
from tests.ui import gallery_pages

ROOT = Path(__file__).parent.parent.parent
TEMPLATES = sorted(str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*.html"))
NOW = datetime(2026, 11, 17, 9, 42, 8, tzinfo=UTC)


def render(source: str, **values: object) -> str:
    with clock.travel(NOW), timezone.override(ZoneInfo("Europe/Berlin")):
        return Template("{% load ui %}" + source).render(Context(values))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_compiles(name):
    assert engines["django"].get_template(name)


@pytest.mark.parametrize("page", gallery_pages.PAGES)
def test_every_component_renders_with_the_context_it_documents(page):
    html = gallery_pages.render(f"{page}.html", gallery_pages.PATHS.get(page, f"/{page}/"))
    assert html.lstrip().startswith("<!doctype html>")
    assert "CNC-0" in html or page in {"report", "parts", "inbox"}
    assert "None<" not in html.replace("<span>None</span>", "").replace(">None</td>", "")


@pytest.mark.parametrize(
    "name", ["404.html", "403.html", "403_csrf.html", "500.html", "registration/login.html"]
)
def test_pages_that_say_no_need_neither_user_nor_database(name):
    html = engines["django"].get_template(name).render()
    assert "<h1>" in html
    assert "data-socket" not in html


def test_icons_are_decoration_unless_named():
    assert 'aria-hidden="true"><use href="/static/icons.svg#power"/>' in render('{% icon "power" %}')
    assert 'role="img" aria-label="Down"' in render('{% icon "power" label="Down" %}')
    assert "#triangle-alert" in render('{% icon "alert-triangle" "t-warn" %}')


def test_a_clock_says_and_shows_how_long_is_left():
    end, begun = NOW + timedelta(minutes=17.9), NOW - timedelta(minutes=12.1)
    html = render("{% clock end since=begun %}", end=end, begun=begun)
    assert 'class="clock last"' in html
    assert 'aria-label="18 min left"' in html
    assert ">18 min<" in html
    assert "--left:60%" in html
    assert f'data-until="{end.isoformat()}"' in html
    assert render('{% clock None word="ERP" %}').strip() == '<span class="clock none">ERP</span>'


def test_a_limit_is_grey_then_amber_then_an_alarm():
    def limit(minutes: float) -> str:
        return render("{% limit due 15 %}", due=NOW + timedelta(minutes=minutes))

    assert 'class="tag num "' in limit(12)
    assert 'class="tag num warn soon"' in limit(3.5)
    assert "4 min left" in limit(3.5)
    assert 'class="tag num alarm over"' in limit(-3)
    assert "3 min over" in limit(-3)
    assert render("{% limit None 15 %}").strip() == ""


def test_times_show_in_the_zone_of_the_place():
    assert render("{{ m|local_time }}", m=NOW) == "10:42"
    assert render('{{ m|local_time:"America/Chicago" }}', m=NOW) == "03:42"
    assert (
        render("{{ m|local_time:site }}", m=NOW, site=SimpleNamespace(timezone="America/Chicago")) == "03:42"
    )
    assert render("{{ m|when }}", m=NOW + timedelta(days=1)) == "Wed 10:42"
    assert render("{{ m|when }}", m=NOW - timedelta(days=40)) == "8 Oct 11:42"  # summer time then
    assert render("{{ m|when }}", m=NOW - timedelta(days=400)) == "13 Oct 2025"
    assert render("{{ m|when }}|{{ m|local_day }}", m=None) == "|"
    assert render("{{ m|age }}", m=NOW - timedelta(minutes=115)) == "1 h 55"


def test_figures_set_their_units_small():
    assert render("{{ m|figure }}", m=400) == "6<small> h </small>40"
    assert render("{{ m|figure }}", m=timedelta(minutes=14)) == "14<small> min</small>"
    assert render("{{ m|figure }}", m=None) == '<span class="muted">none</span>'


def test_chips_carry_the_whole_word_for_those_who_cannot_see_the_letters():
    html = render('{% fn_chip "customer_service" "over" %}')
    assert 'class="fn over"' in html
    assert "CS !" in html
    assert '<span class="sr">Customer service, over its limit</span>' in html
    function = SimpleNamespace(code="x", short="XY", name="Extra")
    assert ">XY</span>" in render("{% fn_chip f %}", f=function)


def test_words_read_out_are_marked_and_everything_is_escaped():
    text = "<b>press 4</b> down"
    html = render(
        "{% read_out text marks %}", text=text, marks=[{"start": 3, "end": 10, "number": 1, "low": True}]
    )
    assert html == '&lt;b&gt;<mark class="low">press 4</mark><sup>1</sup>&lt;/b&gt; down'


def test_states_have_words_glyph_and_shape():
    assert render("{{ 'no_data'|words:'andon' }}") == "No data"
    assert render("{% andon 'safety' %}") == '<span class="sym safety" aria-hidden="true"><b>!</b></span>'
    assert 'class="sym nodata"' in render("{% andon 'never_seen' %}")
    html = render("{% posting_state 'rejected' at 'retry 10:50' %}", at=NOW)
    assert 'class="pst refused"' in html
    assert "#octagon-x" in html
    assert "Refused by ERP" in html
    assert "10:42" in html
    assert 'class="tag crit"' in render("{% urgency 'critical' 'safety' %}")
    assert render("{% urgency 'low' %}").count('class="tag"') == 1


def test_amounts_in_templates():
    site = SimpleNamespace(currency="USD")
    assert (
        render("{{ a|money:site }}|{{ a|money }}|{{ q|quantity:'pcs' }}", a=1275, site=site, q=36)
        == "$1,275|€1,275|36\u00a0pcs"
    )


def test_the_place_a_page_belongs_to_is_marked():
    def here(path: str) -> list[str]:
        return [one.place.key for one in places.shown(path, {}) if one.here]

    assert here("/") == ["desk"]
    assert here("/exceptions/EX-2026-004217/") == ["desk"]
    assert here("/stations/cnc/") == ["boards"]
    assert here("/sequence/?x=1") == ["sequence"]
    assert here("/login/") == []


def test_the_side_bar_asks_for_its_counts_only_when_the_page_brought_none():
    request = RequestFactory().get(
        "/nav/", headers={"HX-Request": "true", "HX-Current-URL": "http://h/inbox/?a=1"}
    )
    source = Template("{% load frame %}{% main_nav %}")
    bare = source.render(Context({"request": request, "user": SimpleNamespace(is_staff=False)}))
    assert 'hx-trigger="load, live"' in bare
    assert 'href="/inbox/" title="My inbox" aria-current="page"' in bare
    assert "/admin/" not in bare
    nav = {"counts": {"desk": 12}, "bad": {"postings": 1}, "live": "user.7"}
    filled = source.render(Context({"request": request, "user": SimpleNamespace(is_staff=True), "nav": nav}))
    assert 'hx-trigger="live"' in filled
    assert 'data-live="user.7"' in filled
    assert '<span class="n">12</span>' in filled
    assert "/admin/routing_app/" in filled
