// Goals in the scene: a marker where a position is asked for, an arrow where a velocity is.

function goalMarker(radius, color) {
  const marker = new THREE.Group();
  const solid = (opacity) => new THREE.MeshStandardMaterial({ color, transparent: true, opacity, roughness: 0.5 });
  marker.add(new THREE.Mesh(new THREE.SphereGeometry(0.32 * radius, 24, 16), solid(0.9)));
  const ring = new THREE.Mesh(new THREE.TorusGeometry(radius, 0.045 * radius, 10, 64), solid(0.75));
  marker.add(ring);
  return marker;
}

// An arrow along x of length 1, stretched by `point`.
function makeArrow(thickness, color) {
  const arrow = new THREE.Group();
  const material = new THREE.MeshStandardMaterial({ color, roughness: 0.5 });
  const shaft = new THREE.Mesh(new THREE.CylinderGeometry(thickness, thickness, 1, 20).rotateZ(-Math.PI / 2), material);
  const head = new THREE.Mesh(new THREE.ConeGeometry(2.4 * thickness, 5 * thickness, 24).rotateZ(-Math.PI / 2), material);
  arrow.add(shaft, head);
  const along = new THREE.Vector3(1, 0, 0);
  const direction = new THREE.Vector3();
  return {
    arrow,
    point(from, vector) {
      const length = vector.length();
      const headLength = 5 * thickness;
      arrow.visible = length > headLength;
      if (!arrow.visible) return;
      arrow.position.copy(from);
      arrow.quaternion.setFromUnitVectors(along, direction.copy(vector).divideScalar(length));
      shaft.scale.x = length - headLength;
      shaft.position.x = 0.5 * (length - headLength);
      head.position.x = length - 0.5 * headLength;
    },
  };
}

// What to draw of each goal that has a place in space; `size` is the robot's, m.
function makeGoals(scene, episode, size, colors) {
  const drawn = [];
  const markers = [];
  const values = (first, count, frame) =>
    [0, 1, 2].map((axis) => (axis < count ? episode.components[first + axis].values[frame] : 0));
  let first = 0;
  for (const goal of episode.goals) {
    const start = first;
    const count = goal.limits.length;
    first += count;
    if (goal.shows === "position") {
      const marker = goalMarker(0.24 * size, colors.goal);
      scene.add(marker);
      markers.push(marker);
      drawn.push((frame) => marker.position.fromArray(values(start, count, frame)));
    } else if (goal.shows === "velocity") {
      const largest = Math.max(...goal.limits.flat().map(Math.abs), 1e-6);
      const asked = makeArrow(0.013 * size, colors.goal);
      const actual = makeArrow(0.013 * size, colors.accent);
      scene.add(asked.arrow, actual.arrow);
      const [place, turn] = [new THREE.Vector3(), new THREE.Quaternion()];
      const [from, vector, before] = [new THREE.Vector3(), new THREE.Vector3(), new THREE.Vector3()];
      const up = new THREE.Vector3(0, 0, 1);
      const base = episode.bodies[episode.base];
      drawn.push((frame, time) => {
        episode.pose(base, Math.max(time - 1, 0), before, turn);
        episode.pose(base, time, place, turn);
        from.copy(place).addScaledVector(up, 0.4 * size);
        vector.fromArray(values(start, count, frame)).multiplyScalar((0.8 * size) / largest);
        // Velocities ahead and aside are those of a level robot.
        const heading = Math.atan2(2 * (turn.w * turn.z + turn.x * turn.y), 1 - 2 * (turn.y * turn.y + turn.z * turn.z));
        if (goal.frame === "body") vector.applyAxisAngle(up, heading);
        asked.point(from, vector);
        vector.subVectors(place, before).multiplyScalar((0.8 * size) / (largest * episode.period_s * Math.max(Math.min(time, 1), 1e-9)));
        if (count < 3) vector.z = 0;
        actual.point(from.addScaledVector(up, 0.06 * size), vector);
      });
    }
  }
  return {
    show: (frame, time) => drawn.forEach((draw) => draw(frame, time)),
    // From a place to the farthest position that is asked for, m.
    distance: (place) => Math.max(0, ...markers.map((marker) => marker.position.distanceTo(place))),
  };
}
