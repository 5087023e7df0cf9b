// What is known of each queue: the newest record as figures, its status, its points, and how badly it needs help.
// Knows no element; the same figures as the API's, nothing is averaged here.

const POINTS_MAX = 60;
const POINT_EVERY_MAX_MS = 16000;
// Records of groups with content come at least every minute; one that has not is no longer to be trusted.
const OLD_AFTER_MS = 95000;
// A wait of so many thresholds is trouble, whatever the average.
const LONG_WAIT = 5;
const AWAY = ["break", "lunch", "training", "meeting", "busy", "other", "non_acd", "not_responding"];
export const STATUSES = ["missed", "at_risk", "met", "quiet"];

export function queueId(group) {
  return JSON.stringify([group.tenant, group.channel, group.queue]);
}

export class Queue {
  constructor(group) {
    this.id = queueId(group);
    this.tenant = group.tenant;
    this.channel = group.channel;
    this.queue = group.queue;
    this.name = group.queue;
    this.version = 0;
    this.points = { at: [], waiting: [], level: [], everyMs: 1000, version: 0 };
  }

  // Takes a record; an older one than the last is passed over.
  take(record) {
    const old = this.record;
    const isOlder = old && (record.window.start_ms < old.window.start_ms ||
      (record.window.start_ms === old.window.start_ms && record.revision < old.revision));
    if (isOlder && record.window.name === old.window.name) return;
    this.record = record;
    this.version += 1;
    this.read(record);
    this.addPoint();
  }

  read(record) {
    const { kpis = {}, levels = {}, counts = {}, durations = {} } = record;
    this.publishedMs = Date.parse(record.published_at);
    this.waiting = levels.contacts_waiting?.last ?? 0;
    this.breaching = levels.contacts_breaching?.last ?? 0;
    this.oldestMs = levels.oldest_wait_start ? Date.parse(levels.oldest_wait_start) : undefined;
    this.offered = counts.contacts_offered ?? 0;
    this.level = kpis.service_level;
    this.live = kpis.service_level_live;
    this.abandon = kpis.abandon_rate;
    this.asa = kpis.asa?.value;
    this.waits = durations.wait_answered;
    this.agents = agentsOf(levels.queue_agents);
    this.status = this.judge();
    this.trouble = this.troubleOf();
  }

  // The worst of what the record itself says, and of what is about to come: those who wait counted as missed already,
  // a wait many times its threshold, a queue that nobody serves.
  judge() {
    const says = [this.level?.status, this.abandon?.status];
    const nobody = this.waiting > 0 && this.agents && this.agents.on === 0;
    this.nobody = nobody;
    if (nobody || says.includes("missed")) return "missed";
    this.late = this.isLate();
    if (this.late || says.includes("at_risk")) return "at_risk";
    return says.includes("met") ? "met" : "quiet";
  }

  isLate() {
    const goal = this.level?.target?.at_least;
    const isJudged = goal !== undefined && this.level.status !== "insufficient";
    if (isJudged && this.live && this.live.value < goal) return true;
    const threshold = this.level?.threshold_seconds;
    const oldest = this.oldestMs === undefined ? 0 : (this.publishedMs - this.oldestMs) / 1000;
    return threshold !== undefined && oldest > LONG_WAIT * threshold;
  }

  troubleOf() {
    const short = (figure) => (figure && figure.status !== "insufficient" ? distance(figure) : 0);
    const threshold = this.level?.threshold_seconds;
    const oldest = this.oldestMs === undefined ? 0 : (this.publishedMs - this.oldestMs) / 1000;
    const overdue = threshold ? Math.min(oldest / threshold, 20) : 0;
    const step = STATUSES.length - STATUSES.indexOf(this.status);
    return step * 1000 + 200 * short(this.level) + 100 * Math.min(short(this.abandon), 3) +
      20 * Math.log2(1 + this.breaching) + 5 * overdue + (this.nobody ? 300 : 0);
  }

  // The status in a few words, with its reason where no figure of the tile bears it.
  reason() {
    if (this.nobody) return "No agents";
    if (this.status === "missed") return "Missed";
    if (this.status === "at_risk") return this.late ? "At risk: late waits" : "At risk";
    if (this.status === "met") return "On target";
    return this.offered > 0 || this.waiting > 0 ? "Too few to judge" : "Quiet";
  }

  // Whether the record is older than one with content may get.
  isOld(nowMs) {
    const hasContent = this.offered > 0 || this.waiting > 0;
    return hasContent && nowMs - this.publishedMs > OLD_AFTER_MS;
  }

  setPoints(line) {
    const points = this.points;
    points.at = [...line.at_ms];
    points.waiting = [...line.contacts_waiting];
    points.level = [...line.service_level];
    const last = points.at.length - 1;
    const apart = last > 0 ? points.at[last] - points.at[last - 1] : 1000;
    points.everyMs = 1000;
    while (points.everyMs * 1.9 < apart && points.everyMs < POINT_EVERY_MAX_MS) points.everyMs *= 2;
    points.version += 1;
  }

  // As the server thins its points: every second one goes when they are too many.
  addPoint() {
    const points = this.points;
    const last = points.at[points.at.length - 1];
    if (last !== undefined && this.publishedMs - last < points.everyMs) return;
    points.at.push(this.publishedMs);
    points.waiting.push(this.waiting);
    points.level.push(this.level?.value ?? null);
    points.version += 1;
    if (points.at.length <= POINTS_MAX) return;
    if (points.everyMs >= POINT_EVERY_MAX_MS) {
      for (const key of ["at", "waiting", "level"]) points[key].shift();
      return;
    }
    points.everyMs *= 2;
    const parity = (points.at.length - 1) % 2;
    for (const key of ["at", "waiting", "level"]) {
      points[key] = points[key].filter((_, place) => place % 2 === parity);
    }
  }
}

// How far a figure is on the wrong side of its target, as a share of it.
function distance(figure) {
  const { at_least: least, at_most: most } = figure.target ?? {};
  if (least !== undefined) return Math.max(0, (least - figure.value) / (least || 1));
  if (most !== undefined) return Math.max(0, (figure.value - most) / (most || 0.01));
  return 0;
}

function agentsOf(states) {
  if (!states) return undefined;
  const of = (name) => states[name] ?? 0;
  const agents = { free: of("available"), ringing: of("ringing"), contact: of("contact"), wrapup: of("wrapup") };
  agents.away = AWAY.reduce((sum, name) => sum + of(name), 0);
  agents.on = agents.free + agents.ringing + agents.contact + agents.wrapup;
  return agents;
}

const ORDERS = {
  trouble: (a, b) => b.trouble - a.trouble,
  waiting: (a, b) => b.waiting - a.waiting,
  oldest: (a, b) => (a.oldestMs ?? Infinity) - (b.oldestMs ?? Infinity) || 0,
  service_level: (a, b) => (a.level?.value ?? 2) - (b.level?.value ?? 2),
  name: () => 0,
};

export class Queues {
  constructor() {
    this.all = new Map();
    this.names = new Map();
  }

  // Takes a record of the stream; the queue that it belongs to, if it belongs to one.
  take(record) {
    if (!record.group.queue) return undefined;
    const id = queueId(record.group);
    let queue = this.all.get(id);
    if (!queue) {
      queue = new Queue(record.group);
      queue.name = this.names.get(nameKey(queue)) ?? queue.queue;
      this.all.set(id, queue);
    }
    queue.take(record);
    return queue;
  }

  setNames(rows) {
    this.names = new Map(rows.map((row) => [nameKey(row), row.name]));
    for (const queue of this.all.values()) queue.name = this.names.get(nameKey(queue)) ?? queue.queue;
  }

  tenants() {
    return [...new Set([...this.all.values()].map((queue) => queue.tenant))].sort();
  }

  // The queues that are asked for, in the order asked for.
  chosen({ tenant, queue: part, sort }) {
    const wanted = part.trim().toLowerCase();
    const found = [...this.all.values()].filter((queue) => (!tenant || queue.tenant === tenant) &&
      (!wanted || queue.name.toLowerCase().includes(wanted) || queue.queue.toLowerCase().includes(wanted)));
    const order = ORDERS[sort] ?? ORDERS.trouble;
    return found.sort((a, b) => order(a, b) || compare(a.name, b.name) || compare(a.id, b.id));
  }
}

function nameKey(row) {
  return JSON.stringify([row.tenant, row.queue]);
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// What may be summed over queues: levels, and ratios by their numerators and denominators.
export function totals(queues) {
  const sum = { waiting: 0, oldestMs: undefined, level: [0, 0], abandon: [0, 0], tally: {} };
  for (const status of STATUSES) sum.tally[status] = 0;
  for (const queue of queues) {
    sum.waiting += queue.waiting;
    if (queue.oldestMs !== undefined) sum.oldestMs = Math.min(sum.oldestMs ?? Infinity, queue.oldestMs);
    for (const [into, figure] of [[sum.level, queue.level], [sum.abandon, queue.abandon]]) {
      into[0] += figure?.numerator ?? 0;
      into[1] += figure?.denominator ?? 0;
    }
    sum.tally[queue.status] += 1;
  }
  return sum;
}
