// The three charts of a queue, drawn by uPlot: contacts waiting, service level, waits of the answered.
// Colours come from the style sheet. A chart is drawn again only when its figures or its size have changed.

import { goalShare, share, span, spanRounded } from "./words.js";

/* global uPlot */
const QUANTILES = [["p50", "50"], ["p90", "90"], ["p95", "95"], ["p99", "99"], ["max", "all"]];
const THIN = { small: 1.5, large: 2 };

let colours;

// Reads the colours of the theme anew; the charts drawn after it have them.
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue("--" + name).trim();
  colours = { line: of("chart"), fill: of("chart-fill"), goal: of("chart-goal"), over: of("chart-over"), soft: of("soft"), grid: of("line") };
}

const KINDS = { waiting: waitingOf, level: levelOf, waits: waitsOf };

export class Chart {
  // `box` has data-plot; `large` adds axes.
  constructor(box, large = false) {
    this.box = box;
    this.large = large;
    this.kind = KINDS[box.dataset.plot];
    this.drawn = undefined;
  }

  // Says what the chart would show, for one that is not in sight.
  describe(queue) {
    const { label } = this.kind(queue, this.large);
    if (this.box.getAttribute("aria-label") !== label) this.box.setAttribute("aria-label", label);
  }

  // Draws the queue's figures if they, the size or the theme differ from what is drawn.
  draw(queue, width, height, theme) {
    if (width < 24 || height < 12) return;
    const figures = this.kind(queue, this.large);
    const key = [queue.id, width, height, theme, figures.key].join();
    if (key === this.drawn) return;
    const frame = [figures.frame, width, height, theme, this.large].join();
    this.drawn = key;
    this.figures = figures;
    this.box.setAttribute("aria-label", figures.label);
    if (this.plot && this.frame === frame) {
      this.plot.setData(figures.rows);
      return;
    }
    this.plot?.destroy();
    this.frame = frame;
    this.plot = new uPlot(this.options(figures, width, height), figures.rows, this.box);
  }

  options(figures, width, height) {
    const room = this.large ? [8, 22, 0, 0] : [3, 2, 3, 2];
    return {
      width, height, padding: room, pxAlign: 0,
      legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: () => this.figures.x }, y: { range: () => this.figures.y } },
      axes: this.large ? axes(figures) : [{ show: false }, { show: false }],
      series: [{}, ...figures.series.map((series) => ({ points: { show: false }, ...series }))],
      hooks: { draw: [(plot) => drawGoal(plot, this.figures.goal)] },
    };
  }

  destroy() {
    this.plot?.destroy();
    this.plot = undefined;
    this.drawn = undefined;
  }
}

function line(large, more) {
  return { stroke: colours.line, fill: colours.fill, width: large ? THIN.large : THIN.small, ...more };
}

// Minutes before the last point, and the values; a single point becomes a line, as nothing is drawn of one.
function rowsOf(points, values) {
  const last = points.at[points.at.length - 1] ?? 0;
  const minutes = points.at.map((at) => (at - last) / 60000);
  return minutes.length === 1 ? [[-0.1, 0], [values[0], values[0]]] : [minutes, values];
}

function over(points) {
  const first = points.at[0];
  const last = points.at[points.at.length - 1];
  const minutes = first === undefined ? 0 : Math.round((last - first) / 60000);
  return minutes < 1 ? "the last minute" : "the last " + minutes + " minutes";
}

function timeRange(minutes) {
  return [Math.min(minutes[0] ?? 0, -0.1), 0];
}

function waitingOf({ points, waiting }, large) {
  const most = Math.max(4, ...points.waiting);
  const rows = rowsOf(points, points.waiting);
  return {
    key: points.version, frame: "waiting",
    rows, x: timeRange(rows[0]), y: [0, most * 1.08],
    series: [line(large, { paths: uPlot.paths.stepped({ align: 1 }) })],
    label: "Waiting over " + over(points) + ": at most " + Math.max(0, ...points.waiting) + ", now " + waiting,
    texts: { x: "min", y: (value) => String(value) },
  };
}

function levelOf({ points, level }, large) {
  const known = points.level.filter((value) => value !== null && value !== undefined);
  const goal = level?.target?.at_least;
  const least = Math.min(goal === undefined ? 1 : goal, ...known);
  const rows = rowsOf(points, points.level);
  return {
    key: points.version + ":" + goal, frame: "level",
    rows, x: timeRange(rows[0]), y: [Math.max(0, least - 0.12), 1.02], goal,
    series: [line(large, { fill: undefined, spanGaps: true })],
    label: "Service level over " + over(points) + ": " +
      (known.length ? "lowest " + share(Math.min(...known)) + ", now " + share(level?.value) : "not judged") +
      (goal === undefined ? "" : ", target " + goalShare(goal)),
    texts: { x: "min", y: (value) => Math.round(100 * value) + " %" },
  };
}

// Quantiles as bars: exact as the record has them, where a histogram of a live window would be a guess.
function waitsOf({ waits, level }, large) {
  const threshold = level?.threshold_seconds;
  const values = QUANTILES.map(([key]) => waits?.[key] ?? 0);
  const most = Math.max(1, ...values, (threshold ?? 0) * 1.15);
  const places = values.map((_, place) => place);
  const within = values.map((value) => (threshold === undefined || value <= threshold ? value : null));
  const beyond = values.map((value) => (threshold !== undefined && value > threshold ? value : null));
  const bars = uPlot.paths.bars({ size: [0.72, large ? 90 : 40] });
  const bar = (stroke, fill) => ({ stroke, fill, width: 1, paths: bars });
  const told = QUANTILES.map(([, text], place) => (text === "all" ? "the longest " : text + " % up to ") + spanRounded(values[place]));
  return {
    key: values.join(":") + ":" + threshold, frame: "waits",
    rows: [places, within, beyond], x: [-0.5, values.length - 0.5], y: [0, most * 1.04], goal: threshold,
    series: [bar(colours.line, colours.fill), bar(colours.over, colours.over)],
    label: waits ? "Waits of " + waits.count + " answered: " + told.join(", ") : "Nobody was answered",
    texts: { x: "quantiles", y: (value) => span(value) },
  };
}

function axes({ texts }) {
  const font = "13px " + getComputedStyle(document.body).fontFamily;
  const shared = { stroke: colours.soft, font, ticks: { show: false }, grid: { stroke: colours.grid, width: 1 } };
  const minutes = (_, splits) => splits.map((value) => (value === 0 ? "now" : value + " min"));
  const quantiles = (_, splits) => splits.map((place) => {
    const text = QUANTILES[place]?.[1];
    return text === undefined ? "" : text === "all" ? "longest" : text + " %";
  });
  const x = { ...shared, size: 28, space: 72, grid: { show: false }, values: texts.x === "min" ? minutes : quantiles };
  if (texts.x !== "min") x.splits = () => QUANTILES.map((_, place) => place);
  return [x, { ...shared, size: 56, values: (_, splits) => splits.map(texts.y) }];
}

function drawGoal(plot, goal) {
  if (goal === undefined || goal === null) return;
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(goal, "y", true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = colours.goal;
  ctx.lineWidth = 1.5 * (window.devicePixelRatio || 1);
  ctx.setLineDash([5, 4]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}
