// Whether what is shown can be trusted, and what to say where it cannot. Knows no element.

import { ago, clock } from "./words.js";

// The republishing of a quiet center, and some.
const STALE_AFTER_MS = 95000;

// `feed`, the last `beat`, and when the newest record was published; times by the server's clock.
export function health(feed, beat, newestMs) {
  const now = feed.now();
  const age = newestMs === undefined ? undefined : now - newestMs;
  if (feed.state === "lost") {
    const seconds = Math.max(0, Math.ceil((feed.retryMs - Date.now()) / 1000));
    const text = newestMs === undefined
      ? "No connection to the server."
      : "Disconnected since " + clock(feed.lostMs) + ". The figures are those of then.";
    return { kind: "lost", text, more: seconds > 0 ? "Trying again in " + seconds + " s." : "Trying again.", age };
  }
  if (feed.state === "connecting") return { kind: "connecting", text: "", more: "", age };
  if (newestMs === undefined) {
    const text = beat && !beat.ready ? "The service is not ready yet." : "";
    return { kind: "connecting", text, more: missing(beat), age };
  }
  if (age > STALE_AFTER_MS) {
    const text = "No new figures since " + clock(newestMs) + ".";
    const quiet = "Nothing happens, or the events do not arrive.";
    return { kind: "stale", text, more: missing(beat) || quiet, age };
  }
  if (beat && !beat.ready) {
    return { kind: "unready", text: "The service is not ready.", more: missing(beat), age };
  }
  return { kind: "live", text: "", more: "", age };
}

export function pulse(state) {
  const words = { live: "Live", unready: "Not ready", stale: "Stale", lost: "Disconnected", connecting: "Connecting" };
  return words[state.kind] + (state.age === undefined ? "" : ", " + ago(state.age) + " old");
}

function missing(beat) {
  return beat && !beat.ready ? beat.missing.trim().replaceAll("\n", "; ") : "";
}
