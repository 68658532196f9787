// Time: plays, scrubs, and keeps stage and panel at the same instant.

(() => {
  const episode = readEpisode();
  const find = (id) => document.getElementById(id);
  const [play, scrub, clock, speed, follow, contacts] = ["play", "scrub", "clock", "speed", "follow", "contacts"].map(find);
  const state = { time: 0, playing: false, before: 0 };
  const showPanel = makePanel(document.querySelector(".panel"), episode, (share) => seek(share * episode.duration));
  let stage = null;
  try {
    stage = makeStage(find("view"), episode);
  } catch (error) {
    find("message").textContent = `This browser shows no 3D: ${error.message}`;
    find("message").hidden = false;
  }

  const icon = (path) => `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${path}"/></svg>`;
  const icons = { play: icon("M3 1.5v13l11-6.5z"), pause: icon("M3 1.5h4v13H3zM9 1.5h4v13H9z"), again: icon("M8 2V0L3.5 3 8 6V4a5 5 0 1 1-5 5H1a7 7 0 1 0 7-7z") };

  function show() {
    stage?.show(state.time);
    showPanel(state.time);
    scrub.value = String(Math.round(state.time / episode.period_s));
    clock.textContent = `${state.time.toFixed(2)} / ${episode.duration.toFixed(2)} s`;
    play.innerHTML = state.playing ? icons.pause : state.time >= episode.duration ? icons.again : icons.play;
    follow.setAttribute("aria-pressed", String(stage?.following ?? false));
  }

  function seek(time) {
    state.time = Math.min(Math.max(time, 0), episode.duration);
    state.playing &&= state.time < episode.duration;
    show();
  }

  function tick(now) {
    if (!state.playing) return;
    const elapsed = Math.min((now - state.before) / 1000, 0.1);
    state.before = now;
    seek(state.time + elapsed * Number(speed.value));
    requestAnimationFrame(tick);
  }

  function toggle() {
    if (!state.playing && state.time >= episode.duration) state.time = 0;
    state.playing = !state.playing;
    if (state.playing) {
      state.before = performance.now();
      requestAnimationFrame(tick);
    }
    show();
  }

  function step(frames) {
    state.playing = false;
    seek((Math.round(state.time / episode.period_s) + frames) * episode.period_s);
  }

  function faster(by) {
    speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.options.length - 1);
  }

  function toggleFollow() {
    stage?.follow(!stage.following);
    show();
  }

  function toggleContacts() {
    const wanted = contacts.getAttribute("aria-pressed") !== "true";
    contacts.setAttribute("aria-pressed", String(wanted));
    stage?.contacts(wanted);
  }

  function reset() {
    stage?.reset();
    show();
  }

  const keys = {
    " ": toggle, ArrowLeft: (event) => step(event.shiftKey ? -10 : -1), ArrowRight: (event) => step(event.shiftKey ? 10 : 1),
    ArrowUp: () => faster(1), ArrowDown: () => faster(-1), Home: () => seek(0), End: () => seek(episode.duration),
    f: toggleFollow, r: reset, c: () => { if (!contacts.hidden) toggleContacts(); },
  };
  document.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const own = event.target.tagName === "SELECT" || (event.target.tagName === "BUTTON" && key === " ");
    if (own || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, key)) return;
    event.preventDefault();
    keys[key](event);
  });
  play.addEventListener("click", toggle);
  follow.addEventListener("click", toggleFollow);
  contacts.addEventListener("click", toggleContacts);
  find("reset").addEventListener("click", reset);
  find("scale").textContent = stage?.spacing ? `Fine lines ${stage.spacing} m apart` : "";
  scrub.max = String(episode.lastFrame);
  scrub.addEventListener("input", () => { state.playing = false; seek(Number(scrub.value) * episode.period_s); });
  contacts.hidden = !stage || episode.bodies.every((body) => body.shapes.every((shape) => shape.shown));
  new ResizeObserver(() => stage?.resize()).observe(document.querySelector(".stage"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => stage?.paint());

  // page.html#t=1.5 opens at that instant.
  const asked = () => /^#t=([0-9.]+)$/.exec(location.hash)?.[1];
  window.addEventListener("hashchange", () => { if (asked()) seek(Number(asked())); });
  seek(Number(asked() ?? 0));
  if (!asked() && !matchMedia("(prefers-reduced-motion: reduce)").matches) toggle();
})();
