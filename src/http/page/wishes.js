// What the viewer asked for: it stands in the address and in the form, and both follow it.

const DEFAULTS = { tenant: "", queue: "", window: "", sort: "trouble", theme: "auto", fullscreen: "", rotate: "", size: "" };
const FIELDS = ["tenant", "queue", "window", "sort", "theme"];
const ROTATE_MIN_S = 3;
const SIZE_MAX = 60;

export class Wishes {
  // `changed(names)` is called with the names of what changed.
  constructor(form, changed) {
    this.defaults = { ...DEFAULTS };
    this.form = form;
    this.changed = changed;
    const asked = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(DEFAULTS)) this[name] = asked.get(name) ?? value;
    const stored = asked.has("theme") ? null : remembered();
    if (stored) this.theme = stored;
    this.dress();
    this.fill();
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.read());
  }

  get rotateMs() {
    const seconds = Number(this.rotate);
    return seconds > 0 ? Math.max(ROTATE_MIN_S, seconds) * 1000 : 0;
  }

  get tilesWanted() {
    const size = Math.floor(Number(this.size));
    return size > 0 ? Math.min(size, SIZE_MAX) : 0;
  }

  get isKiosk() {
    return this.fullscreen === "1";
  }

  // What holds where the address says nothing, or something that there is not.
  setDefault(name, value, isKnown) {
    this.defaults[name] = value;
    if (!isKnown(this[name])) this[name] = value;
  }

  set(name, value) {
    if (this[name] === value) return;
    this[name] = value;
    this.tell([name]);
  }

  // Choices that are known only later: tenants heard of, windows configured.
  offer(name, options) {
    const select = this.form.elements[name];
    const known = [...select.options].map((option) => option.value).join("\n");
    if (known === options.map(([value]) => value).join("\n")) return;
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    this.fill();
  }

  fill() {
    for (const name of FIELDS) {
      const field = this.form.elements[name];
      if (field.value !== this[name]) field.value = this[name];
    }
  }

  read() {
    const names = FIELDS.filter((name) => {
      const { value } = this.form.elements[name];
      const differs = value !== this[name];
      this[name] = value;
      return differs;
    });
    if (names.length) this.tell(names);
  }

  tell(names) {
    if (names.includes("theme")) {
      this.dress();
      remember(this.theme);
    }
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(this.defaults)) {
      if (this[name] && this[name] !== value) query.set(name, this[name]);
    }
    const text = query.toString();
    history.replaceState(null, "", text ? "?" + text : location.pathname);
    this.changed(names);
  }

  dress() {
    const root = document.documentElement;
    if (this.theme === "dark" || this.theme === "light") root.dataset.theme = this.theme;
    else delete root.dataset.theme;
    document.body.classList.toggle("kiosk", this.isKiosk);
  }
}

// A browser may keep nothing; then the choice lasts as long as the page.
function remembered() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Nothing to do: see above.
  }
}
