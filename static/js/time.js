/* The server's time on this device, and how the product spells durations (boards_app/wording.py is the same in Python). */
import { say } from "./words.js";

const zone = document.documentElement.dataset.zone || undefined;
let offset = 0;

/** Follow the server: a tablet whose own clock is wrong still counts right. */
export function setServerTime(iso) {
  const moment = Date.parse(iso);
  if (!Number.isNaN(moment)) offset = moment - Date.now();
}

export function now() {
  return Date.now() + offset;
}

const [navigation] = performance.getEntriesByType("navigation");
if (document.documentElement.dataset.now && navigation?.type !== "back_forward") {
  setServerTime(document.documentElement.dataset.now);
  // The page was written before it travelled here; half its way is the best guess there is.
  if (navigation?.responseStart) offset += Math.min((performance.now() - navigation.responseStart), 5000);
}

function format(options) {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
  } catch {
    return new Intl.DateTimeFormat("en-GB", options);
  }
}
const minuteFormat = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const secondFormat = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export const hourMinute = (moment) => minuteFormat.format(moment);
export const hourMinuteSecond = (moment) => secondFormat.format(moment);

const HOUR = 60;
const DAY = 24 * HOUR;

/** "18 min", "2 h 10", "21 h", "3 days": whole hours from 10 h, whole days from 48 h. */
export function coarse(minutes) {
  const whole = Math.trunc(minutes);
  if (whole < HOUR) return `${whole} min`;
  if (whole < 10 * HOUR) {
    const rest = whole % HOUR;
    return `${Math.trunc(whole / HOUR)} h${rest ? ` ${String(rest).padStart(2, "0")}` : ""}`;
  }
  return whole < 2 * DAY ? `${Math.trunc(whole / HOUR)} h` : `${Math.trunc(whole / DAY)} ${say("days")}`;
}

export function left(minutes) {
  if (minutes > 0) return coarse(Math.ceil(minutes));
  return minutes > -1 ? say("now") : coarse(Math.floor(-minutes));
}

export function leftWords(minutes) {
  if (minutes > 0) return say("{time} left", { time: left(minutes) });
  return minutes > -1 ? say("now due") : say("{time} over", { time: left(minutes) });
}

export function gone(minutes) {
  return minutes < 1 ? say("now") : coarse(Math.floor(minutes));
}

export function clockState(minutes, soon = 60, last = 30) {
  if (minutes <= 0) return "over";
  if (minutes < last) return "last";
  return minutes < soon ? "soon" : "";
}
