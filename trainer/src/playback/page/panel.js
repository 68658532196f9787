// The numbers beside the stage, in step with it.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Three significant digits, as in the report of a run.
function significant(value) {
  if (value === null || !Number.isFinite(value)) return "–";
  const magnitude = Math.abs(value);
  if (magnitude === 0) return "0";
  if (magnitude < 0.001 || magnitude >= 1e9) return value.toExponential(1);
  return decimal(value, Math.max(0, 2 - Math.floor(Math.log10(magnitude))));
}

// A fixed number of decimals, thousands apart, never minus zero.
function decimal(value, decimals) {
  const text = value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return /^-[0.,]*$/.test(text) ? text.slice(1) : text;
}

// A line over the whole episode; the part that has passed stands out.
function makePlot(values, [low, high], seek) {
  const last = Math.max(values.length - 1, 1);
  const span = high > low ? high - low : 1;
  const y = (value) => (92 - (84 * (value - low)) / span).toFixed(1);
  // Nothing had been done yet at the start, so the line begins after it.
  const points = values.map((value, index) => `${((1000 * index) / last).toFixed(1)} ${y(value)}`).slice(Math.min(1, last));
  const line = `M${points.join("L")}`;
  const layer = (...paths) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 1000 100");
    svg.setAttribute("preserveAspectRatio", "none");
    for (const [className, d] of paths) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", className);
      path.setAttribute("d", d);
      svg.append(path);
    }
    return svg;
  };
  const zero = low < 0 && high > 0 ? [["zero", `M0 ${y(0)}H1000`]] : [];
  const past = layer(["past", line]);
  const cursor = element("div", { class: "cursor" });
  const plot = element("div", { class: "plot" }, layer(...zero, ["all", line]), past, cursor);
  const at = (event) => {
    const box = plot.getBoundingClientRect();
    seek(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
  };
  plot.addEventListener("pointerdown", (event) => { plot.setPointerCapture(event.pointerId); at(event); });
  plot.addEventListener("pointermove", (event) => { if (event.buttons & 1) at(event); });
  return {
    plot,
    show(share) {
      past.style.clipPath = `inset(0 ${(100 - 100 * share).toFixed(2)}% 0 0)`;
      cursor.style.left = `calc(${(100 * share).toFixed(3)}% - 0.5px)`;
    },
  };
}

// A name, a line, a number and, where limits are known, a bar between them.
function makeRow({ name, unit, values, limits, tall }, seek, firstFrame) {
  const finite = values.slice(firstFrame).filter(Number.isFinite);
  const range = limits ?? [Math.min(...finite, 0), Math.max(...finite, 0)];
  const { plot, show } = makePlot(values, range, seek);
  const value = element("span", { class: "value" });
  const row = element("div", { class: tall ? "row tall" : "row" }, element("span", { class: "name", title: name }, name), plot, value);
  const bar = element("i");
  const bounded = limits && limits[1] > limits[0];
  if (bounded) row.append(element("div", { class: "bar" }, bar));
  const share = (number) => (100 * (Math.min(Math.max(number, range[0]), range[1]) - range[0])) / (range[1] - range[0]);
  return {
    row,
    show(frame, passed) {
      show(passed);
      const number = frame < firstFrame ? NaN : values[frame];
      value.replaceChildren(significant(number), element("small", {}, unit ? ` ${unit}` : ""));
      if (!bounded) return;
      const origin = share(0);
      const end = Number.isFinite(number) ? share(number) : origin;
      bar.style.left = `${Math.min(origin, end)}%`;
      bar.style.width = `${Math.abs(end - origin)}%`;
    },
  };
}

function makePanel(panel, episode, seek) {
  const tile = (name) => {
    const value = element("dd");
    return { value, tile: element("div", { class: "tile" }, element("dt", {}, name), value) };
  };
  const [time, total, reward] = ["Time", "Return so far", "Reward"].map(tile);
  panel.append(
    element("p", { class: "eyebrow" }, episode.origin),
    element("h1", {}, episode.task),
    element("span", { class: `badge ${episode.verdict}` }, episode.outcome),
    element("p", { class: "note" }, episode.which),
    element("dl", { class: "tiles" }, time.tile, total.tile, reward.tile));
  if (episode.metrics.length > 0) {
    const pairs = episode.metrics.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, significant(value))]);
    panel.append(element("dl", { class: "metrics" }, ...pairs));
  }
  const rows = [];
  const section = (heading, note, className, channels, firstFrame) => {
    if (channels.length === 0) return;
    const made = channels.map((channel) => makeRow(channel, seek, firstFrame));
    rows.push(...made);
    panel.append(element("section", { class: className }, element("h2", {}, heading, element("small", {}, ...note)), ...made.map(({ row }) => row)));
  };
  section("Reward", ["of each step, and its sum"], "", [
    { name: "reward", unit: "", values: episode.rewards, tall: true },
    { name: "return", unit: "", values: episode.returns, tall: true }], 1);
  const commands = episode.actuators.map(({ name, unit, low, high, values }) => ({ name, unit, values, limits: [low, high] }));
  section("Actions", ["as actuator commands, within their limits"], "", commands, 1);
  const label = ({ goal, index }) => (goal.limits.length === 1 ? goal.name : `${goal.name} ${goal.limits.length <= 3 ? "xyz"[index] : index + 1}`);
  const goals = episode.components.map((component) => ({ name: label(component), unit: component.goal.unit, values: component.values, limits: component.limits }));
  const shown = episode.goals.some(({ shows }) => shows);
  section("Goals", shown ? [element("span", { class: "swatch" }), " in the scene"] : [], "goal", goals, 0);
  panel.append(footer(episode));
  return (now) => {
    const exact = Math.min(now / episode.period_s, episode.lastFrame);
    const frame = Math.min(Math.floor(exact + 1e-6), episode.lastFrame);
    const passed = episode.lastFrame > 0 ? exact / episode.lastFrame : 1;
    time.value.replaceChildren(now.toFixed(2), element("small", {}, " s"));
    total.value.replaceChildren(significant(episode.returns[frame]));
    reward.value.replaceChildren(frame === 0 ? "–" : significant(episode.rewards[frame]));
    for (const row of rows) row.show(frame, passed);
  };
}

function footer(episode) {
  const keys = [["Space", "play"], ["← →", "step"], ["↑ ↓", "speed"], ["F", "follow"], ["R", "reset view"]];
  const text = element("footer");
  for (const [key, what] of keys) text.append(element("span", {}, element("kbd", {}, key), ` ${what}`));
  text.append(element("br"), `SI units. ${episode.note} Written by Sinew.`);
  return text;
}
