// The line to the server: records and beats as they come, trying again with longer and longer waits.
// Knows no queue and no element.

const SILENT_AFTER_MS = 13000;
const WAIT_FIRST_MS = 1000;
const WAIT_MOST_MS = 30000;
const OFFSETS_MAX = 12;

export class Feed {
  // `heard.record(record)`, `heard.beat(beat)`, `heard.changed()` when the state of the line changes.
  constructor(heard) {
    this.heard = heard;
    this.state = "connecting";
    this.attempt = 0;
    this.offsets = [];
    this.lastHeardMs = Date.now();
    setInterval(() => this.watch(), 1000);
  }

  open(query) {
    this.query = query;
    this.connect();
  }

  // The server's clock, as near as a message without its travel time can tell it.
  now() {
    return Date.now() + (this.offsets.length ? Math.max(...this.offsets) : 0);
  }

  connect() {
    clearTimeout(this.timer);
    this.source?.close();
    this.lastHeardMs = Date.now();
    const source = new EventSource("/api/v1/kpis/stream?" + this.query);
    this.source = source;
    source.addEventListener("kpi", (event) => {
      this.hear();
      this.heard.record(JSON.parse(event.data));
    });
    source.addEventListener("beat", (event) => {
      this.hear();
      const beat = JSON.parse(event.data);
      this.offsets.push(beat.now_ms - Date.now());
      if (this.offsets.length > OFFSETS_MAX) this.offsets.shift();
      this.heard.beat(beat);
    });
    source.onerror = () => this.lose(source);
  }

  hear() {
    this.lastHeardMs = Date.now();
    if (this.state === "live") return;
    this.state = "live";
    this.attempt = 0;
    this.heard.changed();
  }

  lose(source) {
    if (source !== this.source) return;
    source.close();
    if (this.state === "live") {
      this.lostMs = this.now();
      this.offsets = this.offsets.slice(-1);
    }
    this.state = "lost";
    this.lostMs ??= this.now();
    const wait = Math.min(WAIT_MOST_MS, WAIT_FIRST_MS * 2 ** this.attempt) * (0.75 + Math.random() / 2);
    this.attempt += 1;
    this.retryMs = Date.now() + wait;
    this.timer = setTimeout(() => this.connect(), wait);
    this.source = undefined;
    this.heard.changed();
  }

  // A line that says nothing, not even a beat, is dead whatever the browser believes.
  watch() {
    if (this.source && Date.now() - this.lastHeardMs > SILENT_AFTER_MS) this.lose(this.source);
  }
}
