// The tiles of a page of queues: how many fit, which are shown in which order, when they are drawn.
//
// What can be seen is drawn at most a few times a second, what cannot be seen still less often and without charts, in the browser's own frame. Sizes are only read
// by observers, so that writing never makes the browser lay out in between.

import { Tile } from "./tile.js";

const DRAW_EVERY_MS = 400;
const ORDER_EVERY_MS = 5000;
const HOLD_MS = 60000;
const SCROLL_PAGE = 40;
// A tile is designed in em: this wide, and at least this high; the wide form puts more beside each other.
const TILE_EM = { width: 24, height: 18.7 };
// On a wall with many tiles charts go without captions, so that the figures can be larger.
const TIGHT_EM = { width: 24, height: 17.3 };
const TIGHT_BELOW_PX = 20;
const TIGHT_GAIN = 1.04;
// Tiles much wider than high have larger figures.
const WIDE_EM = { width: 32, height: 21.9 };
const WIDE_GAIN = 1.36;
const KIOSK_UNIT_MIN_PX = 15.5;
const TILE_MIN_PX = 310;
const UNIT_MIN_PX = 13.5;
const UNIT_MAX_PX = 24;
const GAP_PX = 12;
// What stands below the tiles.
const FOOT_PX = 58;

export class Wall {
  // `ask` gives what the wall needs from others: known() and chosen() queues, manyTenants(), now(), wishes; it takes
  // opened(queue) and drawn().
  constructor(list, ask) {
    this.list = list;
    this.ask = ask;
    this.tiles = [];
    this.page = 0;
    this.order = [];
    this.orderedMs = -ORDER_EVERY_MS;
    this.theme = 0;
    this.boxes = new WeakMap();
    this.room = { width: 0, height: 0 };
    this.sizes = new ResizeObserver((entries) => this.measured(entries));
    this.seen = new IntersectionObserver((entries) => this.looked(entries), { rootMargin: "120px" });
    this.frame = new ResizeObserver((entries) => {
      const { width, height } = entries[0].contentRect;
      this.room = { width, height };
      this.isResized = true;
      this.changed();
    });
    this.frame.observe(list);
    this.drawnMs = 0;
    this.touchedMs = 0;
    const touched = () => { this.touchedMs = performance.now(); };
    for (const kind of ["focusin", "keydown", "pointerdown"]) list.addEventListener(kind, touched);
    this.drawMs = { sum: 0, count: 0, most: 0 };
  }

  // Something changed: the tiles that can be seen are drawn soon.
  changed() {
    if (this.waiting || document.hidden) return;
    this.waiting = true;
    // A chart in the wrong size is wrong; figures can wait for their turn.
    const rest = this.isMeasured ? 0 : Math.max(0, this.drawnMs + DRAW_EVERY_MS - performance.now());
    this.isMeasured = false;
    setTimeout(() => requestAnimationFrame(() => this.draw()), rest);
  }

  // The choice changed: the order is made anew at once.
  reorder() {
    this.isAsked = true;
    this.changed();
  }

  get pages() {
    return Math.max(1, Math.ceil(this.order.length / this.perPage));
  }

  turn(to) {
    this.page = ((to % this.pages) + this.pages) % this.pages;
    this.list.scrollTop = 0;
    this.arrange();
    this.changed();
  }

  // The order rests while somebody reads here: what has the focus must not run away. Not for ever, though.
  isHeld() {
    return this.list.contains(document.activeElement) && performance.now() - this.touchedMs < HOLD_MS;
  }

  draw() {
    this.waiting = false;
    const began = performance.now();
    this.drawnMs = began;
    const isDue = began - this.orderedMs >= ORDER_EVERY_MS || this.known !== this.ask.known() || this.isAsked;
    if (isDue && (this.isAsked || !this.isHeld())) {
      this.order = this.ask.chosen();
      this.known = this.ask.known();
      this.isAsked = false;
    }
    if (isDue) this.orderedMs = began;
    if (isDue || this.isResized) {
      this.isResized = false;
      this.fit();
      this.arrange();
    }
    const view = {
      key: this.theme + ":" + this.ask.manyTenants(), theme: this.theme,
      manyTenants: this.ask.manyTenants(), sizeOf: (box) => this.boxes.get(box),
    };
    const now = this.ask.now();
    // What is out of sight may still be read aloud: it follows at the pace of the order.
    for (const tile of this.tiles) if (tile.isSeen || isDue || !tile.view) tile.draw(now, view);
    this.ask.drawn();
    const took = performance.now() - began;
    this.drawMs.sum += took;
    this.drawMs.count += 1;
    this.drawMs.most = Math.max(this.drawMs.most, took);
  }

  // How many tiles a page has and how large their letters are.
  fit() {
    const { width, height } = this.room;
    const { wishes } = this.ask;
    const wanted = wishes.tilesWanted;
    if (wishes.isKiosk && width >= 2 * TILE_MIN_PX) {
      this.perPage = wanted || this.mostThatFit(width, height);
      this.style(choose(this.shown, width, height), true);
      return;
    }
    this.perPage = wanted || SCROLL_PAGE;
    // Few queues get large tiles that fill the window; many get small ones, and the page scrolls.
    const chosen = choose(this.shown, width, this.below());
    if (chosen.unit >= UNIT_MIN_PX && chosen.form !== "tight") {
      this.style({ ...chosen, unit: Math.min(UNIT_MAX_PX, chosen.unit) }, false);
      return;
    }
    const columns = Math.max(1, Math.min(this.shown, Math.floor((width + GAP_PX) / (TILE_MIN_PX + GAP_PX))));
    const unit = (width - (columns - 1) * GAP_PX) / columns / TILE_EM.width;
    this.style({ columns, rows: 0, unit: Math.min(UNIT_MAX_PX, Math.max(UNIT_MIN_PX, unit)), form: "" }, false);
  }

  get shown() {
    return Math.max(1, Math.min(this.perPage, this.order.length));
  }

  // The height of the window that is left for tiles; read once a change of size, not each frame.
  below() {
    const key = innerWidth + ":" + innerHeight + ":" + this.order.length;
    if (this.belowKey !== key) {
      this.belowKey = key;
      this.belowPx = innerHeight - (this.list.parentElement.getBoundingClientRect().top + scrollY) - FOOT_PX;
    }
    return this.belowPx;
  }

  mostThatFit(width, height) {
    let most = 1;
    for (let tiles = 2; tiles <= SCROLL_PAGE; tiles += 1) {
      if (bestGrid(tiles, width, height, TIGHT_EM).unit >= KIOSK_UNIT_MIN_PX) most = tiles;
    }
    return most;
  }

  style({ columns, rows, unit, form }, isFilled) {
    const key = [columns, rows, unit, form, isFilled].join();
    if (this.styled === key) return;
    this.styled = key;
    this.list.className = "wall " + form;
    this.list.style.setProperty("--columns", columns);
    this.list.style.setProperty("--rows", isFilled ? rows : "none");
    this.list.style.setProperty("--unit", unit.toFixed(2) + "px");
  }

  // Gives each place of the page its queue: tiles that stay keep theirs, others are used again.
  arrange() {
    this.page = Math.min(this.page, this.pages - 1);
    const from = this.page * this.perPage;
    const wanted = this.order.slice(from, from + this.perPage);
    const kept = new Map(this.tiles.map((tile) => [tile.queue.id, tile]));
    const spare = this.tiles.filter((tile) => !wanted.some((queue) => queue.id === tile.queue.id));
    this.tiles = wanted.map((queue) => {
      const tile = kept.get(queue.id) ?? spare.pop() ?? this.create();
      if (tile.queue?.id !== queue.id) tile.show(queue);
      return tile;
    });
    for (const tile of spare) {
      this.seen.unobserve(tile.item);
      tile.remove();
    }
    const focused = document.activeElement;
    this.tiles.forEach((tile, place) => {
      const there = this.list.children[place];
      if (there !== tile.item) this.list.insertBefore(tile.item, there ?? null);
    });
    // A moved element loses the focus.
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  }

  create() {
    const tile = new Tile(this.ask.opened, this.sizes);
    tile.item.tile = tile;
    this.seen.observe(tile.item);
    return tile;
  }

  looked(entries) {
    for (const entry of entries) if (entry.target.tile) entry.target.tile.isSeen = entry.isIntersecting;
    this.changed();
  }

  measured(entries) {
    this.isMeasured = true;
    for (const { target, contentRect } of entries) {
      this.boxes.set(target, { width: Math.floor(contentRect.width), height: Math.floor(contentRect.height) });
    }
    this.changed();
  }
}

// The form and the grid in which so many tiles can be read from farthest.
function choose(tiles, width, height) {
  const roomy = bestGrid(tiles, width, height, TILE_EM);
  const wide = bestGrid(tiles, width, height, WIDE_EM);
  if (wide.unit * WIDE_GAIN > roomy.unit && roomy.unit >= UNIT_MIN_PX) return { ...wide, form: "wide" };
  if (roomy.unit >= TIGHT_BELOW_PX) return { ...roomy, form: "" };
  const tight = bestGrid(tiles, width, height, TIGHT_EM);
  return tight.unit > roomy.unit * TIGHT_GAIN ? { ...tight, form: "tight" } : { ...roomy, form: "" };
}

// The grid in which so many tiles of a form are largest.
function bestGrid(tiles, width, height, em) {
  let best = { unit: 0, columns: 1, rows: tiles };
  for (let columns = 1; columns <= tiles; columns += 1) {
    const rows = Math.ceil(tiles / columns);
    const wide = (width - (columns - 1) * GAP_PX) / columns / em.width;
    const high = (height - (rows - 1) * GAP_PX) / rows / em.height;
    const unit = Math.min(wide, high);
    if (unit > best.unit) best = { unit, columns, rows };
  }
  return best;
}
