// How figures read: numbers, shares, spans, times. Knows no record and no element.

const NONE = "\u2013";
const GAP = "\u202f";
const whole = new Intl.NumberFormat("en");

export function count(value) {
  return value === undefined ? NONE : whole.format(value);
}

// A ratio 0 to 1 as per cent.
export function share(value, digits = 1) {
  if (value === undefined) return NONE;
  return (value === 1 ? "100" : (100 * value).toFixed(digits)) + GAP + "%";
}

// A target as per cent, without decimals that say nothing.
export function goalShare(value) {
  return Number((100 * value).toFixed(2)) + GAP + "%";
}

// Seconds as 0:07, 12:30, 1h05 or 2d 3h: never wider than five letters or so.
export function span(seconds) {
  if (seconds === undefined) return NONE;
  const all = Math.max(0, Math.floor(seconds));
  const days = Math.floor(all / 86400);
  const hours = Math.floor(all / 3600) % 24;
  if (days > 0) return days + "d" + GAP + hours + "h";
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(all / 60) % 60;
  return hours > 0 ? hours + "h" + two(minutes) : minutes + ":" + two(all % 60);
}

// An average or quantile: rounded, where a wait that goes on is cut; from 10 minutes on without seconds.
export function spanRounded(seconds) {
  if (seconds === undefined) return NONE;
  const minutes = Math.round(seconds / 60);
  return minutes < 10 || minutes >= 60 ? span(Math.round(seconds)) : minutes + GAP + "m";
}

// How long ago, roughly.
export function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return seconds + GAP + "s";
  if (seconds < 7200) return Math.round(seconds / 60) + GAP + "min";
  return Math.round(seconds / 3600) + GAP + "h";
}

export function clock(ms, withSeconds = true) {
  const form = { hour: "2-digit", minute: "2-digit", hour12: false };
  if (withSeconds) form.second = "2-digit";
  return new Intl.DateTimeFormat("en-GB", form).format(ms);
}

export function many(number, one, several) {
  return count(number) + " " + (number === 1 ? one : several);
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
