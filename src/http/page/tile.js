// One tile: made once from the template, then only what differs is written. It may be given another queue.

import { Chart } from "./charts.js";
import { ago, capital, count, goalShare, share, span, spanRounded } from "./words.js";

const template = document.getElementById("tile");
const STATES = ["free", "ringing", "contact", "wrapup", "away"];

// A target in three letters; where there is none, the word that completes the label.
function goal(figure, word) {
  const { at_least: least, at_most: most } = figure?.target ?? {};
  if (least !== undefined) return "\u2265 " + goalShare(least);
  return most === undefined ? word : "\u2264 " + goalShare(most);
}

export class Tile {
  constructor(opened, sizes) {
    this.item = template.content.firstElementChild.cloneNode(true);
    this.article = this.item.querySelector("article");
    this.name = this.item.querySelector(".name");
    this.shape = this.item.querySelector("header use");
    this.fields = new Map([...this.item.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field]));
    this.kpis = new Map([...this.item.querySelectorAll("[data-kpi]")].map((kpi) => [kpi.dataset.kpi, kpi]));
    this.bars = new Map([...this.item.querySelectorAll(".bar i")].map((bar) => [bar.dataset.state, bar]));
    this.agents = this.item.querySelector(".agents");
    this.charts = [...this.item.querySelectorAll(".plot")].map((box) => new Chart(box));
    this.sizes = sizes;
    this.written = new Map();
    this.isSeen = false;
    this.name.addEventListener("click", () => opened(this.queue));
    this.item.addEventListener("click", (event) => {
      if (!event.target.closest("button")) this.name.focus();
    });
    for (const chart of this.charts) sizes.observe(chart.box);
  }

  show(queue) {
    this.queue = queue;
    this.item.dataset.id = queue.id;
    this.item.dataset.queue = queue.queue;
    this.item.dataset.tenant = queue.tenant;
    this.item.dataset.channel = queue.channel ?? "";
    this.version = undefined;
    this.view = undefined;
  }

  // Writes what differs; `nowMs` by the server's clock, frozen when the line is lost.
  draw(nowMs, view) {
    const { queue } = this;
    this.write("oldest", queue.oldestMs === undefined ? "\u2013" : span((nowMs - queue.oldestMs) / 1000));
    const isOld = queue.isOld(nowMs);
    this.mark(this.item, "old", isOld ? "1" : "");
    this.write("age", isOld ? ago(nowMs - queue.publishedMs) + " old" : "");
    if (this.version !== queue.version || this.view !== view.key) {
      this.version = queue.version;
      this.view = view.key;
      this.drawFigures(view);
    }
    for (const chart of this.charts) {
      const size = view.sizeOf(chart.box);
      if (this.isSeen && size) chart.draw(queue, size.width, size.height, view.theme);
      else chart.describe(queue);
    }
  }

  drawFigures(view) {
    const { queue } = this;
    this.mark(this.item, "status", queue.status);
    this.point(this.shape, queue.status);
    this.put(this.name, queue.name);
    this.mark(this.name, "title", queue.name === queue.queue ? "" : queue.queue, true);
    this.write("verdict", queue.reason());
    this.write("where", capital(queue.channel ?? "") + (view.manyTenants ? " \u00b7 " + queue.tenant : ""));
    this.write("waiting", count(queue.waiting));
    this.write("breaching", queue.breaching > 0 ? count(queue.breaching) : "");
    this.write("late", queue.breaching > 0 ? "late" : "");
    const level = share(queue.level?.value);
    this.write("service_level", level.replace(/\D+%$/, ""));
    this.write("service_level_sign", level.endsWith("%") ? "\u202f%" : "");
    this.write("service_level_goal", goal(queue.level, "level"));
    this.write("abandon_rate", share(queue.abandon?.value));
    this.write("abandon_rate_goal", goal(queue.abandon, "rate"));
    this.write("asa", spanRounded(queue.asa));
    this.write("p90", spanRounded(queue.waits?.p90));
    this.write("offered", count(queue.offered));
    this.judge("service_level", queue.level);
    this.judge("abandon_rate", queue.abandon);
    this.drawAgents(queue.agents);
  }

  judge(name, figure) {
    const status = figure?.status === "missed" || figure?.status === "at_risk" ? figure.status : "";
    const kpi = this.kpis.get(name);
    this.mark(kpi, "status", status);
    if (status) this.point(kpi.querySelector("use"), status);
  }

  drawAgents(agents) {
    this.mark(this.agents, "unknown", agents ? "" : "1");
    for (const state of STATES) {
      const number = agents?.[state];
      this.write(state, count(number));
      const bar = this.bars.get(state);
      const grow = String(number ?? 0);
      if (bar.style.flexGrow !== grow) bar.style.flexGrow = grow;
      if (bar.hidden !== (grow === "0")) bar.hidden = grow === "0";
    }
  }

  write(name, text) {
    if (this.written.get(name) === text) return;
    this.written.set(name, text);
    this.put(this.fields.get(name), text);
  }

  // A text node that is there is changed in place: cheaper, and nothing around it moves.
  put(element, text) {
    const node = element.firstChild;
    if (!node) element.textContent = text;
    else if (node.nodeValue !== text) node.nodeValue = text;
  }

  mark(element, name, value, isPlain = false) {
    const attribute = isPlain ? name : "data-" + name;
    if ((element.getAttribute(attribute) ?? "") === value) return;
    if (value) element.setAttribute(attribute, value);
    else element.removeAttribute(attribute);
  }

  point(use, status) {
    const address = "#shape-" + status;
    if (use.getAttribute("href") !== address) use.setAttribute("href", address);
  }

  remove() {
    for (const chart of this.charts) {
      this.sizes.unobserve(chart.box);
      chart.destroy();
    }
    this.item.remove();
  }
}
