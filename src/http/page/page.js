"use strict";

// The newest record of each group and window, drawn at most four times a second.
const ROWS_MAX = 500;
const records = new Map();
const rows = document.getElementById("rows");
const state = document.getElementById("state");
const more = document.getElementById("more");
const filter = document.getElementById("filter");
let source = null;
let drawing = false;

function kpi(record, name) {
  return record.kpis ? record.kpis[name] : undefined;
}

function count(record, name) {
  const found = record.counts ? record.counts[name] : undefined;
  return found === undefined ? "" : String(found);
}

function percent(found) {
  return found ? (100 * found.value).toFixed(1) + " %" : "";
}

function seconds(found) {
  return found ? found.value.toFixed(1) + " s" : "";
}

function cell(row, text, className) {
  const td = row.insertCell();
  // Names come from events: text only, never markup.
  td.textContent = text;
  if (className) td.className = className;
}

function groupName(record) {
  return Object.values(record.group).join(" / ");
}

function draw() {
  drawing = false;
  const sorted = [...records.entries()].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const fresh = document.createDocumentFragment();
  for (const [, record] of sorted.slice(0, ROWS_MAX)) {
    const row = document.createElement("tr");
    const waiting = record.levels && record.levels.contacts_waiting;
    const level = kpi(record, "service_level");
    const abandon = kpi(record, "abandon_rate");
    cell(row, groupName(record), "group");
    cell(row, record.window.name);
    cell(row, waiting ? String(waiting.last) : "", "number");
    cell(row, count(record, "contacts_offered"), "number");
    cell(row, count(record, "contacts_answered"), "number");
    cell(row, count(record, "contacts_abandoned"), "number");
    cell(row, percent(level), "number " + ((level && level.status) || ""));
    cell(row, percent(abandon), "number " + ((abandon && abandon.status) || ""));
    cell(row, seconds(kpi(record, "asa")), "number");
    cell(row, seconds(kpi(record, "aht")), "number");
    cell(row, record.published_at ? new Date(record.published_at).toLocaleTimeString() : "");
    fresh.append(row);
  }
  rows.replaceChildren(fresh);
  more.hidden = sorted.length <= ROWS_MAX;
  more.textContent = "The first " + ROWS_MAX + " of " + sorted.length + " are listed; filter to see others.";
}

function listen() {
  if (source) source.close();
  records.clear();
  draw();
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData(filter)) {
    if (value) asked.set(name, value);
  }
  source = new EventSource("/api/v1/kpis/stream?" + asked);
  source.onopen = () => {
    // A new connection begins with the full state.
    records.clear();
    state.textContent = "live";
  };
  source.onerror = () => {
    state.textContent = "disconnected, trying again";
  };
  source.addEventListener("kpi", (event) => {
    const record = JSON.parse(event.data);
    records.set(JSON.stringify([record.group_set, record.group, record.window.name]), record);
    if (!drawing) {
      drawing = true;
      setTimeout(draw, 250);
    }
  });
}

filter.addEventListener("change", listen);
filter.addEventListener("submit", (event) => event.preventDefault());
listen();
