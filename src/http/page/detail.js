// One queue at large: its charts with axes, and its figures with targets as a table.

import { Chart } from "./charts.js";
import { capital, count, goalShare, share, spanRounded } from "./words.js";

const STATUS_WORDS = { met: "On target", at_risk: "At risk", missed: "Missed", insufficient: "Too few", no_data: "No data" };
const SECONDS = ["p50", "p90", "p95", "p99", "max"];

export class Detail {
  constructor(dialog, theme) {
    this.dialog = dialog;
    this.theme = theme;
    this.charts = [...dialog.querySelectorAll(".plot")].map((box) => new Chart(box, true));
    this.rows = dialog.querySelector("tbody");
    document.getElementById("detail-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("close", () => {
      this.queue = undefined;
      for (const chart of this.charts) chart.destroy();
    });
    new ResizeObserver(() => this.draw()).observe(dialog);
  }

  open(queue) {
    this.queue = queue;
    this.version = undefined;
    this.dialog.showModal();
    this.draw();
  }

  draw() {
    const { queue } = this;
    if (!queue || !this.dialog.open) return;
    if (this.version !== queue.version) {
      this.version = queue.version;
      this.dialog.dataset.status = queue.status;
      this.dialog.querySelector("use").setAttribute("href", "#shape-" + queue.status);
      document.getElementById("detail-name").textContent = queue.name;
      const where = [capital(queue.channel ?? ""), queue.tenant, "window " + queue.record.window.name, queue.reason()];
      document.getElementById("detail-where").textContent = where.join(" \u00b7 ");
      this.rows.replaceChildren(...figures(queue).map(row));
    }
    const sizes = this.charts.map(({ box }) => [box.clientWidth, box.clientHeight]);
    this.charts.forEach((chart, place) => chart.draw(queue, ...sizes[place], this.theme()));
  }
}

function figures(queue) {
  const { kpis = {}, counts = {}, durations = {}, levels = {} } = queue.record;
  const shares = { service_level: "Service level", abandon_rate: "Abandoned", first_response_within_target: "First response within target", transfer_rate: "Transferred", held_rate: "Held" };
  const spans = { asa: "Average speed of answer", aht: "Average handle time" };
  const found = [["Waiting", count(queue.waiting)], ["Past their threshold", count(queue.breaching)]];
  for (const [key, name] of Object.entries(shares)) if (kpis[key]) found.push([name, share(kpis[key].value), kpis[key]]);
  for (const [key, name] of Object.entries(spans)) if (kpis[key]) found.push([name, spanRounded(kpis[key].value), kpis[key]]);
  const waits = durations.wait_answered;
  const quantile = (key) => (key === "max" ? "Longest wait of the answered" : key.slice(1) + " % answered within");
  if (waits) for (const key of SECONDS) found.push([quantile(key), spanRounded(waits[key])]);
  found.push(["Offered", count(counts.contacts_offered ?? 0)], ["Answered", count(counts.contacts_answered ?? 0)]);
  if (levels.contacts_in_progress) found.push(["In progress", count(levels.contacts_in_progress.last)]);
  for (const [state, number] of Object.entries(levels.queue_agents ?? {})) {
    found.push(["Agents: " + state.replaceAll("_", " "), count(number)]);
  }
  return found;
}

function row([name, value, figure]) {
  const tr = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  tr.append(head);
  for (const text of [value, goal(figure), STATUS_WORDS[figure?.status] ?? ""]) tr.insertCell().textContent = text;
  return tr;
}

function goal(figure) {
  const { at_least: least, at_most: most, band } = figure?.target ?? {};
  const told = (number) => (figure.unit === "ratio" ? goalShare(number) : spanRounded(number));
  if (least !== undefined) return "at least " + told(least);
  if (most !== undefined) return "at most " + told(most);
  return band ? told(band[0]) + " to " + told(band[1]) : "";
}
