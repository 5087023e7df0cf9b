// The wallboard: puts the parts together. Records come from the feed, go to the queues, and the wall shows them.

import { readColours } from "./charts.js";
import { Detail } from "./detail.js";
import { Feed } from "./feed.js";
import { health, pulse } from "./health.js";
import { Queues, STATUSES, queueId, totals } from "./queues.js";
import { Wall } from "./wall.js";
import { Wishes } from "./wishes.js";
import { clock, count, many, share, span } from "./words.js";

const GROUP_SET = "tenant,channel,queue";
const by = (id) => document.getElementById(id);
const queues = new Queues();
let beat;
let newestMs;
let state = { kind: "connecting", text: "", more: "" };
let turnedMs = performance.now();
let isPaused = false;
let arePointsDue = false;

const wishes = new Wishes(by("controls"), wished);
readColours();
const feed = new Feed({ record: taken, beat: beaten, changed: judge });
const wall = new Wall(by("wall"), {
  wishes,
  known: () => queues.all.size,
  chosen: () => queues.chosen(wishes),
  manyTenants: () => queues.tenants().length > 1,
  // Nothing ticks on from what was heard last when nothing is heard.
  now: () => (state.kind === "lost" ? feed.lostMs : feed.now()),
  opened: (queue) => detail.open(queue),
  drawn,
});
const detail = new Detail(by("detail"), () => wall.theme);

function taken(record) {
  if (record.window.name !== wishes.window) return;
  const queue = queues.take(record);
  if (!queue) return;
  newestMs = Math.max(newestMs ?? 0, queue.publishedMs);
  wall.changed();
}

function beaten(next) {
  beat = next;
  if (arePointsDue) askPoints();
  judge();
}

// What the viewer changed, and what follows from it.
function wished(names) {
  if (names.includes("theme")) dress();
  if (names.includes("fullscreen")) wishes.dress();
  if (names.includes("window")) listen();
  if (names.includes("queue") || names.includes("tenant")) said();
  wall.page = 0;
  turnedMs = performance.now();
  wall.reorder();
  shown();
}

function said() {
  const found = queues.chosen(wishes).length;
  by("said").textContent = many(found, "queue", "queues") + " shown";
}

function dress() {
  readColours();
  wall.theme += 1;
  wall.changed();
  detail.draw();
}

// Begins to listen to a window. Its points are asked for once its queues are known, at the first beat.
function listen() {
  arePointsDue = true;
  for (const queue of queues.all.values()) queue.setPoints({ at_ms: [], contacts_waiting: [], service_level: [] });
  feed.open(new URLSearchParams({ group_set: GROUP_SET, window: wishes.window }));
}

async function askPoints() {
  arePointsDue = false;
  const { window } = wishes;
  const query = new URLSearchParams({ group_set: GROUP_SET, window });
  const lines = await all("/api/v1/kpis/points?limit=1000&" + query);
  if (window !== wishes.window) return;
  for (const line of lines) queues.all.get(queueId(line))?.setPoints(line);
  wall.changed();
}

// Every page of a list.
async function all(address) {
  const found = [];
  let next = address;
  while (next) {
    const answer = await asked(next);
    if (!answer) return found;
    found.push(...answer.body);
    next = answer.link?.match(/^<([^>]+)>/)?.[1];
  }
  return found;
}

async function asked(address) {
  try {
    const answer = await fetch(address);
    return answer.ok ? { body: await answer.json(), link: answer.headers.get("link") } : undefined;
  } catch {
    return undefined;
  }
}

// Judges the data's health; what it means is said once, not each second.
function judge() {
  const before = state.kind;
  state = health(feed, beat, newestMs);
  document.body.dataset.health = state.kind;
  put("pulse", pulse(state));
  const isShown = Boolean(state.text);
  if (by("banner").hidden === isShown) by("banner").hidden = !isShown;
  put("banner-text", state.text);
  put("banner-more", state.more);
  if (before === "lost" && state.kind !== "lost") ask();
  wall.changed();
}

function put(id, text) {
  const element = typeof id === "string" ? by(id) : id;
  if (element.textContent !== text) element.textContent = text;
}

// What stands around the tiles, after them.
function drawn() {
  const sum = totals(wall.order);
  const now = state.kind === "lost" ? feed.lostMs : feed.now();
  const ratio = ([numerator, denominator]) => (denominator > 0 ? numerator / denominator : undefined);
  const values = {
    waiting: count(sum.waiting),
    oldest: sum.oldestMs === undefined ? "\u2013" : span((now - sum.oldestMs) / 1000),
    service_level: share(ratio(sum.level)),
    abandon_rate: share(ratio(sum.abandon)),
  };
  for (const field of by("totals").querySelectorAll("[data-total]")) put(field, values[field.dataset.total]);
  for (const status of STATUSES) put(by("tally").querySelector(`[data-tally="${status}"]`), count(sum.tally[status]));
  const title = sum.tally.missed > 0 ? sum.tally.missed + " missed \u00b7 intraday" : "intraday wallboard";
  if (document.title !== title) document.title = title;
  const names = [["", "All"], ...queues.tenants().map((tenant) => [tenant, tenant])];
  if (wishes.tenant && !names.some(([value]) => value === wishes.tenant)) names.push([wishes.tenant, wishes.tenant]);
  wishes.offer("tenant", names);
  drawEmpty();
  drawPager();
  detail.draw();
}

function drawEmpty() {
  by("empty").hidden = wall.order.length > 0;
  if (wall.order.length > 0) return;
  put("empty", queues.all.size > 0
    ? "No queue matches the filter."
    : state.kind === "lost" ? "Nothing was heard yet." : "Waiting for the first figures of " + GROUP_SET + " in window " + wishes.window + ".");
}

function drawPager() {
  const isTurning = wishes.rotateMs > 0;
  by("pager").hidden = wall.pages < 2;
  by("pause").hidden = !isTurning;
  const first = wall.page * wall.perPage + 1;
  const last = Math.min(wall.order.length, first + wall.perPage - 1);
  put("page-text", `Page ${wall.page + 1} of ${wall.pages}: queues ${first} to ${last} of ${wall.order.length}`);
}

function shown() {
  put("kiosk", wishes.isKiosk ? "Leave full screen" : "Full screen");
}

function turn(step) {
  turnedMs = performance.now();
  wall.turn(wall.page + step);
}

function everySecond() {
  put("clock", clock(feed.now(), false));
  judge();
  const held = isPaused || wall.isHeld() || by("detail").open;
  if (held) turnedMs = performance.now();
  if (wishes.rotateMs > 0 && wall.pages > 1 && performance.now() - turnedMs >= wishes.rotateMs) turn(1);
}

// The browser hides its own bars only when a person asks for it.
function fill() {
  if (wishes.isKiosk && !document.fullscreenElement) document.documentElement.requestFullscreen?.().catch(() => {});
}

function leave() {
  if (document.fullscreenElement) document.exitFullscreen();
  wishes.set("fullscreen", "");
}

async function ask() {
  const [names, config] = await Promise.all([asked("/api/v1/names"), asked("/api/v1/config")]);
  if (names) queues.setNames(names.body);
  const kinds = { sliding: (window) => "the last " + window.length, day: () => "today" };
  const windows = (config?.body.windows ?? [{ name: "5m", kind: "sliding", length: "5m" }])
    .map((window) => [window.name, kinds[window.kind]?.(window) ?? "this " + window.name, window.kind]);
  const first = (windows.find(([, , kind]) => kind === "sliding") ?? windows[0])[0];
  wishes.setDefault("window", first, (window) => windows.some(([name]) => name === window));
  wishes.offer("window", windows);
  wall.reorder();
}

function listenToPerson() {
  by("before").addEventListener("click", () => turn(-1));
  by("after").addEventListener("click", () => turn(1));
  by("pause").addEventListener("click", () => {
    isPaused = !isPaused;
    by("pause").setAttribute("aria-pressed", String(isPaused));
  });
  by("more").addEventListener("click", () => {
    const isOpen = document.body.classList.toggle("controls-open");
    by("more").setAttribute("aria-expanded", String(isOpen));
  });
  by("kiosk").addEventListener("click", () => {
    if (wishes.isKiosk) return leave();
    wishes.set("fullscreen", "1");
    fill();
  });
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && wishes.isKiosk) leave();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && wishes.isKiosk && !by("detail").open) leave();
  });
  document.addEventListener("visibilitychange", () => wall.reorder());
  document.addEventListener("click", (event) => {
    if (!event.target.closest("button")) fill();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
}

listenToPerson();
shown();
put("clock", clock(Date.now(), false));
await ask();
listen();
setInterval(everySecond, 1000);
// For tests and the curious: what drawing has cost.
window.wallboard = { queues, wall, feed };
