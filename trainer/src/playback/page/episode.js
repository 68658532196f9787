// The recording, decoded: what the page shows is read from here and nowhere else.

function readEpisode() {
  const written = JSON.parse(document.getElementById("episode").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
  const numbers = (text) => new Float32Array(bytes(text));
  const positions = numbers(written.positions);
  const orientations = new Int16Array(bytes(written.orientations));
  let moving = 0;
  const bodies = written.bodies.map((body) => {
    const place = body.pose ? -1 : moving++;
    const shapes = body.shapes.map((shape) =>
      shape.form === "triangles"
        ? { ...shape, vertices: numbers(shape.vertices), corners: new Uint32Array(bytes(shape.corners)) }
        : shape);
    return { ...body, shapes, place };
  });
  const depth = (body) => (body.parent === null ? 0 : 1 + depth(bodies[body.parent]));
  const rows = (text, width) => {
    const values = numbers(text);
    return (index) => Array.from({ length: written.frames }, (_, frame) => values[frame * width + index]);
  };
  const action = rows(written.commands, written.actuators.length);
  const components = written.goals.flatMap((goal) => goal.limits.map((limits, index) => ({ goal, limits, index })));
  const goal = rows(written.goal_values, components.length);
  return {
    ...written,
    bodies: bodies.map((body) => ({ ...body, depth: depth(body) })),
    // The first body that moves carries the others: what a camera follows, and where goals are counted from.
    base: bodies.findIndex((body) => body.place >= 0),
    lastFrame: written.frames - 1,
    duration: (written.frames - 1) * written.period_s,
    rewards: rows(written.rewards, 1)(0),
    returns: rows(written.returns, 1)(0),
    actuators: written.actuators.map((actuator, index) => ({ ...actuator, values: action(index) })),
    components: components.map((component, index) => ({ ...component, values: goal(index) })),
    // Writes the body's position and orientation between two frames; `frame` need not be whole.
    pose(body, frame, position, orientation) {
      if (body.place < 0) {
        position.fromArray(body.pose.position);
        return orientation.fromArray(body.pose.orientation);
      }
      const first = Math.min(Math.floor(frame), this.lastFrame);
      const second = Math.min(first + 1, this.lastFrame);
      const row = (index) => index * moving + body.place;
      const mix = frame - first;
      const other = pose.other;
      position.fromArray(positions, 3 * row(first)).lerp(pose.point.fromArray(positions, 3 * row(second)), mix);
      orientation.fromArray(orientations, 4 * row(first)).normalize();
      return orientation.slerp(other.fromArray(orientations, 4 * row(second)).normalize(), mix);
    },
  };
}

const pose = { point: new THREE.Vector3(), other: new THREE.Quaternion() };
