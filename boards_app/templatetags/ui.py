"""The template vocabulary of the product: `{% load ui %}` gives icons, clocks, chips, words, amounts and times.

Turns values into the few HTML shapes the style sheets know. Decides nothing and reads no database: wording lies in
`boards_app.wording`, geometry in `boards_app.drawing`. Times show in the active time zone; views activate the site's.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from boards_app import drawing, spoken, wording
from core import clock as product_clock
from core import languages

register = template.Library()

# Names that data or older icon sets may use, and the symbol that carries them here.
ICON_ALIASES: Final = {
    "alert-triangle": "triangle-alert",
    "message-warning": "message-square-warning",
    "help-circle": "circle-help",
    "circle-question-mark": "circle-help",
}
FUNCTION_SHORTS: Final = {
    "production": "PR",
    "maintenance": "MT",
    "quality": "QA",
    "logistics": "LG",
    "procurement": "PC",
    "planning": "PL",
    "customer_service": "CS",
    "engineering": "EN",
    "safety": "SF",
}


# --- icons and people ---------------------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """A symbol of static/icons.svg. Without `label` it is decoration and hidden from screen readers."""
    symbol = ICON_ALIASES.get(name, name) or "circle-help"
    words = format_html(' role="img" aria-label="{}"', label) if label else mark_safe(' aria-hidden="true"')
    return format_html(
        '<svg class="{}"{}><use href="{}#{}"/></svg>', f"ic {css}".strip(), words, static("icons.svg"), symbol
    )


@register.filter
def initials(person: Any) -> str:
    """Two letters of a person or a name."""
    return wording.initials(str(person) if person else "")


@register.simple_tag
def avatar(person: Any, size: str = "") -> SafeString:
    """The round initials of a person; `size` is "" or "lg"."""
    return format_html(
        '<span class="{}" aria-hidden="true">{}</span>', f"av {size}".strip(), initials(person)
    )


@register.simple_tag
def andon(state: str) -> SafeString:
    """The andon symbol of a work unit state: colour, shape and glyph together; the word belongs beside it."""
    shown = wording.look("andon", state)
    css = shown.css or "nodata"
    glyph = icon(shown.icon) if shown.icon else mark_safe("<b>!</b>")
    return format_html('<span class="sym {}" aria-hidden="true">{}</span>', css, glyph)


@register.filter
def andon_class(state: str) -> str:
    """The CSS class a unit card carries for its state."""
    return wording.look("andon", state).css or "nodata"


@register.simple_tag
def fn_chip(function: Any, state: str = "", title: str = "") -> SafeString:
    """A function's two letters; state "" (acknowledged), wait, soon or over."""
    code = getattr(function, "code", function)
    short = getattr(function, "short", "") or FUNCTION_SHORTS.get(str(code), str(code)[:2].upper())
    name = getattr(function, "name", "") or str(code).replace("_", " ").capitalize()
    words = title or f"{languages.label(name)}, {spoken.answer(state)}"
    mark = " !" if state == "over" else ""
    return format_html(
        '<span class="{}" title="{}"><span aria-hidden="true">{}{}</span><span class="sr">{}</span></span>',
        f"fn {state}".strip(), words, short, mark, words,
    )  # fmt: skip


# --- time ---------------------------------------------------------------------------------------------------
def _zone(zone: str | tzinfo | None) -> tzinfo:
    if zone is None or isinstance(zone, tzinfo):
        return zone or timezone.get_current_timezone()
    return ZoneInfo(zone)


def _local(moment: datetime, zone: Any = None) -> datetime:
    return moment.astimezone(_zone(getattr(zone, "timezone", zone)))


@register.filter
def local_time(moment: datetime | None, zone: Any = None) -> str:
    """ "10:42" in the page's zone, or in that of a site or IANA name given."""
    return f"{_local(moment, zone):%H:%M}" if moment else ""


@register.filter
def local_day(moment: datetime | None, zone: Any = None) -> str:
    """ "Tue 17 Nov"."""
    return format_date(_local(moment, zone), "D j M") if moment else ""


@register.filter
def when(moment: datetime | None, zone: Any = None) -> str:
    """As short as stays clear: "10:42" today, "Wed 12:00" within six days, "18 Nov 12:00", "18 Nov 2026"."""
    if moment is None:
        return ""
    local, now = _local(moment, zone), _local(product_clock.now(), zone)
    days = (local.date() - now.date()).days
    if days == 0:
        return f"{local:%H:%M}"
    if abs(days) <= 6:
        return format_date(local, "D H:i")
    return format_date(local, "j M H:i" if local.year == now.year else "j M Y")


@register.filter
def duration(value: timedelta | float | Decimal | None) -> str:
    """Minutes or a timedelta as "18 min", "2 h 10"."""
    return "" if value is None else spoken.span(wording.minutes_of(value))


@register.filter
def figure(value: timedelta | float | Decimal | None) -> SafeString:
    """A duration as a large figure with its units small; "none" where there is none."""
    if value is None:
        return format_html('<span class="muted">{}</span>', gettext("none"))
    return figure_of(spoken.span(wording.minutes_of(value)))


@register.filter
def age(moment: datetime | None) -> str:
    """Full minutes, hours or days since a moment, "now" within the first minute."""
    return spoken.gone(product_clock.minutes_between(moment, product_clock.now())) if moment else ""


@register.simple_tag
def elapsed(since: datetime | None, css: str = "num", split: bool = False) -> SafeString:
    """Time since a moment, ticking in the page. `split` sets the unit small beside a large figure."""
    return _ticking("since", since, age(since), css, split)


@register.simple_tag
def until(moment: datetime | None, css: str = "num", split: bool = False) -> SafeString:
    """Time left to a moment, ticking, without any state colour."""
    return _ticking("until", moment, _left(moment), css, split)


def _left(moment: datetime | None) -> str:
    return spoken.left(product_clock.minutes_between(product_clock.now(), moment)) if moment else ""


def _ticking(kind: str, moment: datetime | None, said: str, css: str, split: bool) -> SafeString:
    if moment is None:
        return SafeString("")
    iso, shown = moment.isoformat(), figure_of(said) if split else said
    flag = mark_safe(" data-split") if split else ""
    return format_html(
        '<time class="{}" data-{}="{}" datetime="{}"{}>{}</time>', css, kind, iso, iso, flag, shown
    )


@register.filter
def figure_of(said: str) -> SafeString:
    """A duration already in words with its units set small: "18<small> min</small>"."""
    found = re.findall(r"(\d+)\s*([^\W\d_]*)", said)
    if not found:
        return conditional_escape(said)
    last = len(found) - 1
    return format_html_join(
        "", "{}{}", ((number, _small(unit, gap=at < last)) for at, (number, unit) in enumerate(found))
    )


def _small(unit: str, *, gap: bool) -> SafeString:
    return format_html("<small> {}{}</small>", unit, " " if gap else "") if unit else SafeString("")


@register.inclusion_tag("components/clock.html")
def clock(
    until: datetime | None,
    since: datetime | None = None,
    word: str = "",
    soon: float = wording.SOON_MINUTES,
    last: float = wording.LAST_MINUTES,
) -> dict[str, Any]:
    """The clock of a row. `since` is when the clock began (for the gauge); `word` stands where no clock runs."""
    if until is None:
        return {"word": word or gettext("None")}
    now = product_clock.now()
    left = product_clock.minutes_between(now, until)
    whole = product_clock.minutes_between(since, until) if since else 0
    share = round(min(max(100 * left / whole, 0), 100)) if whole > 0 else 0
    return {
        "until": until,
        "since": since if whole > 0 else None,
        "left": spoken.left(left),
        "spoken": spoken.left_words(left),
        "state": wording.clock_state(left, soon=soon, last=last),
        "share": share,
        "soon": soon,
        "last": last,
    }


@register.inclusion_tag("components/limit.html")
def limit(
    due_at: datetime | None, minutes: float | None = None, acknowledged: bool = False
) -> dict[str, Any]:
    """A function's own limit as a tag: "4 min left", "3 min over". `minutes` is how long it had."""
    if due_at is None or acknowledged:
        return {}
    left = product_clock.minutes_between(product_clock.now(), due_at)
    soon = wording.limit_soon(minutes or 0)
    return {
        "due_at": due_at,
        "soon": soon,
        "state": wording.clock_state(left, soon=soon, last=0),
        "words": spoken.left_words(left),
    }


@register.inclusion_tag("components/next_step.html")
def next_step(until: datetime | None, title: str, text: str = "") -> dict[str, Any]:
    """The next step with its clock, tinted by how little is left."""
    return {**_window(until), "title": title, "text": text}


@register.inclusion_tag("components/window.html")
def window(until: datetime | None, text: str = "", label: str = "") -> dict[str, Any]:
    """The response window at the head of a record; `text` says what happens when it ends, `label` what else ends."""
    return {**_window(until), "text": text, "label": label}


def _window(until: datetime | None) -> dict[str, Any]:
    if until is None:
        return {}
    left = product_clock.minutes_between(product_clock.now(), until)
    return {"until": until, "left": figure_of(spoken.left(left)), "state": wording.clock_state(left)}


# --- amounts and words --------------------------------------------------------------------------------------
@register.filter
def money(amount: Decimal | float | None, currency: str = "EUR") -> str:
    """ "€61,400"; the currency of a site may be given as its code or as the site."""
    code = getattr(currency, "currency", currency) or "EUR"
    return "" if amount is None else wording.money(amount, code)


@register.filter
def quantity(amount: Decimal | float | None, unit: str = "") -> str:
    """ "1,200", "2.5 kg"."""
    return "" if amount is None else wording.quantity(amount, unit)


@register.filter
def words(code: str, family: str) -> str:
    """The plant's words for a stored state; families: andon, exception, response, posting, urgency, recommendation."""
    return languages.label(wording.look(family, str(code)).words)


@register.filter
def label(stored: Any) -> str:
    """A stored name in the reader's language while it is the shipped one; what a site reworded is shown as it is."""
    return languages.label(stored)


@register.filter
def label_inside(stored: Any) -> str:
    """A label inside a sentence: small in English, as the catalogue has it elsewhere."""
    return spoken.inside(stored)


@register.filter
def small(said: str) -> str:
    """A label inside a sentence, in small letters where the language writes it so."""
    return languages.small(str(said))


@register.simple_tag
def state_icon(code: str, family: str) -> SafeString:
    """The glyph that goes with those words."""
    return icon(wording.look(family, str(code)).icon)


@register.simple_tag
def posting_state(status: str, at: datetime | None = None, note: str = "") -> SafeString:
    """A posting's state: glyph, words, the time it was reached and what comes next."""
    shown = wording.look("posting", str(status))
    time = format_html(' <span class="num">{}</span>', when(at)) if at else ""
    more = format_html('<span class="soft">, {}</span>', note) if note else ""
    return format_html(
        '<span class="pst {}">{}<span>{}{}{}</span></span>',
        shown.css,
        icon(shown.icon),
        languages.label(shown.words),
        time,
        more,
    )


@register.simple_tag
def urgency(band: str, reason: str = "") -> SafeString:
    """The urgency band as a tag with its reason; normal and low stay plain."""
    shown = wording.look("urgency", str(band))
    said = languages.label(shown.words)
    text = f"{said}: {reason}" if reason else said
    return format_html('<span class="{}">{}{}</span>', f"tag {shown.css}".strip(), icon(shown.icon), text)


@register.filter
def short_ref(reference: str) -> str:
    """ "4217" of "EX-2026-004217"."""
    return wording.short_reference(str(reference))


@register.simple_tag
def read_out(text: str, marks: Sequence[Any]) -> SafeString:
    """A reporter's words with what was read out of them underlined and numbered.

    `marks`: wording.Mark, or anything with start, end, number and low (objects or mappings).
    """
    found: list[SafeString] = []
    for part in wording.segments(text, [_mark(one) for one in marks]):
        if not part.marks:
            found.append(conditional_escape(part.text))
            continue
        found.append(format_html("<mark{}>{}</mark>", _attributes(part), part.text))
        found += [format_html("<sup>{}</sup>", one.number) for one in part.ended if one.number]
    return format_html_join("", "{}", ((piece,) for piece in found))


def _attributes(part: wording.Segment) -> SafeString:
    """What a marked stretch tells the style sheet, the page's script and a screen reader; only its first can be reached
    by the keyboard.
    """
    css = " ".join(word for word, on in (("low", any(one.low for one in part.marks)),
                                         ("both", len(part.marks) > 1)) if on)  # fmt: skip
    pairs = [("class", css)] if css else []
    says = "\n".join(dict.fromkeys(one.says for one in part.marks if one.says))
    if says:
        rows = " ".join(dict.fromkeys(one.row for one in part.marks if one.row))
        pairs += [("data-says", says), ("data-rows-of", rows), ("aria-describedby", rows)]
        pairs += [("tabindex", "0")] if part.begun else []
    return format_html_join("", ' {}="{}"', pairs)


def _mark(one: Any) -> wording.Mark:
    if isinstance(one, wording.Mark):
        return one
    get = one.get if isinstance(one, Mapping) else lambda key, default=None: getattr(one, key, default)
    return wording.Mark(
        int(get("start", 0) or 0),
        int(get("end", 0) or 0),
        int(get("number", 0) or 0),
        bool(get("low", False)),
        str(get("says", "") or ""),
        str(get("row", "") or ""),
    )


# --- drawings -----------------------------------------------------------------------------------------------
@register.inclusion_tag("components/sparkline.html")
def sparkline(values: Sequence[float | None], label: str = "") -> dict[str, Any]:
    """A row of values as a small line; its number stands beside it, so `label` may stay empty."""
    return {"line": drawing.line(values, width=84, height=26, pad=3), "label": label}


@register.filter
def percent(value: float) -> str:
    """A CSS percentage that no locale can break: "62.5%"."""
    return f"{float(value):g}%"


@register.filter
def raw(value: float) -> str:
    """A number as SVG and data attributes want it, whatever the reader's locale: "12.5"."""
    return f"{float(value):g}"


@register.filter
def at(rows: Sequence[Any], index: int) -> Any:
    """The row at a position only known while rendering."""
    return rows[index]


@register.simple_tag
def control(field: BoundField, size: str = "") -> SafeString:
    """A form field's own widget in our clothes; `size` is "", touch or glove."""
    plain = isinstance(field.field.widget, CheckboxInput | RadioSelect | CheckboxSelectMultiple)
    return field.as_widget(attrs={} if plain else {"class": f"control {size}".strip()})


@register.simple_tag
def wall_style(units: int) -> str:
    """The columns and text scale of an area board with so many units, as a style value."""
    columns, scale = drawing.wall(units)
    return f"--cols:{columns};--scale:{scale:g}"


@register.filter
def get(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """A mapping's value by a key only known while rendering."""
    return (mapping or {}).get(key)
