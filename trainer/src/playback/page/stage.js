// The robot in its world: camera, light, ground, bodies, trail and goals. z is up.

const MOST_BOUNDS = 200;

function themeColors() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => new THREE.Color(style.getPropertyValue(name).trim().slice(0, 7));
  return { paper: color("--paper"), rule: color("--rule"), grid: color("--grid"), muted: color("--muted"), accent: color("--accent"), goal: color("--fault") };
}

// Corners of what a body shows, in its own frame.
function cornersOf(body) {
  const corners = [];
  const point = new THREE.Vector3();
  const turn = new THREE.Quaternion();
  const add = (shape, x, y, z) => {
    turn.fromArray(shape.orientation);
    corners.push(point.set(x, y, z).applyQuaternion(turn).toArray().map((value, axis) => value + shape.position[axis]));
  };
  for (const shape of body.shapes.filter((shape) => shape.shown)) {
    const [a, b, c] = shape.size || [];
    const half = { box: [a, b, c], sphere: [a, a, a], capsule: [a, a, a + b], cylinder: [a, a, b], rotor: [a, a, 0] }[shape.form];
    if (half) for (const x of [-1, 1]) for (const y of [-1, 1]) for (const z of [-1, 1]) add(shape, x * half[0], y * half[1], z * half[2]);
    if (shape.form === "triangles") for (let i = 0; i < shape.vertices.length; i += 3) add(shape, ...shape.vertices.subarray(i, i + 3));
  }
  return corners;
}

// Smallest and largest coordinates of all that moves, over the whole episode and at its start.
function boundsOf(episode) {
  const moving = episode.bodies.filter((body) => body.place >= 0).map((body) => ({ body, corners: cornersOf(body) }));
  const [place, turn, point] = [new THREE.Vector3(), new THREE.Quaternion(), new THREE.Vector3()];
  const empty = () => ({ low: [Infinity, Infinity, Infinity], high: [-Infinity, -Infinity, -Infinity] });
  const grow = (bounds, at) => at.forEach((value, axis) => {
    bounds.low[axis] = Math.min(bounds.low[axis], value);
    bounds.high[axis] = Math.max(bounds.high[axis], value);
  });
  const [robot, all] = [empty(), empty()];
  const stride = Math.max(1, Math.ceil(episode.frames / MOST_BOUNDS));
  for (let frame = 0; frame < episode.frames; frame += stride) {
    for (const { body, corners } of moving) {
      episode.pose(body, frame, place, turn);
      for (const corner of corners) {
        const at = point.fromArray(corner).applyQuaternion(turn).add(place).toArray();
        grow(all, at);
        if (frame === 0) grow(robot, at);
      }
    }
  }
  if (!Number.isFinite(robot.low[0])) for (const bounds of [robot, all]) { grow(bounds, [-0.5, -0.5, -0.5]); grow(bounds, [0.5, 0.5, 0.5]); }
  for (const bounds of [robot, all]) {
    bounds.centre = new THREE.Vector3(...bounds.low.map((low, axis) => 0.5 * (low + bounds.high[axis])));
    bounds.extent = bounds.high.map((high, axis) => high - bounds.low[axis]);
    bounds.radius = 0.5 * Math.hypot(...bounds.extent);
  }
  return { robot, all };
}

// From where to look: at a mechanism that moves in a plane from its front, at all else from ahead, aside and above.
function viewDirection(extent) {
  const [x, y, z] = extent;
  if (x < 0.25 * Math.min(y, z)) return new THREE.Vector3(1, -0.28, 0.16).normalize();
  if (y < 0.25 * Math.max(x, z) && z > 0.2 * x) return new THREE.Vector3(0.28, -1, 0.2).normalize();
  return new THREE.Vector3(0.85, -1, 0.55).normalize();
}

function makeGround(scene, episode, bounds, size) {
  const ground = groundOf(episode.bodies[0]);
  const surfaces = episode.bodies[0].shapes.some((shape) => shape.shown && shape !== ground?.shape && shape.form === "triangles");
  const height = ground ? ground.height : bounds.all.low[2] - 0.02 * size;
  const spacing = 10 ** Math.round(Math.log10(size * 0.6));
  const group = new THREE.Group();
  const plane = new THREE.Mesh(new THREE.PlaneGeometry(4000 * size, 4000 * size), ground ? new THREE.MeshStandardMaterial({ roughness: 1 }) : new THREE.ShadowMaterial({ opacity: 0.16 }));
  plane.receiveShadow = true;
  plane.position.z = height - 1e-3 * size;
  if (!surfaces) scene.add(plane);
  const grids = [[spacing, 120], [10 * spacing, 60]].map(([step, cells]) => {
    const grid = new THREE.GridHelper(step * cells, cells);
    grid.rotation.x = Math.PI / 2;
    grid.material.dispose();
    grid.geometry.deleteAttribute("color");
    grid.material = new THREE.LineBasicMaterial({ transparent: true, depthWrite: false });
    grid.userData.step = step;
    group.add(grid);
    return grid;
  });
  group.position.z = height;
  if (!surfaces) scene.add(group);
  return {
    spacing: surfaces ? null : spacing,
    // Lines that go on for ever: they follow the camera's target, step by step.
    centre(target) {
      for (const grid of grids) {
        const step = grid.userData.step;
        grid.position.set(step * Math.round(target.x / step), step * Math.round(target.y / step), 0);
      }
    },
    paint(colors, dark) {
      if (ground) plane.material.color.copy(colors.paper).multiplyScalar(dark ? 1.25 : 0.985);
      grids[0].material.color.copy(colors.muted);
      grids[1].material.color.copy(colors.muted);
      grids[0].material.opacity = dark ? 0.16 : 0.17;
      grids[1].material.opacity = dark ? 0.3 : 0.32;
    },
  };
}

function makeTrail(scene, episode, size) {
  const base = episode.bodies[episode.base];
  if (!base) return null;
  const [place, turn] = [new THREE.Vector3(), new THREE.Quaternion()];
  const points = new Float32Array(3 * episode.frames);
  let length = 0;
  const before = new THREE.Vector3();
  for (let frame = 0; frame < episode.frames; frame++) {
    episode.pose(base, frame, place, turn);
    place.toArray(points, 3 * frame);
    if (frame > 0) length += place.distanceTo(before);
    before.copy(place);
  }
  if (length < size) return null;
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(points, 3));
  const line = new THREE.Line(geometry, new THREE.LineBasicMaterial({ transparent: true, opacity: 0.7 }));
  line.frustumCulled = false;
  scene.add(line);
  return line;
}

function makeStage(canvas, episode) {
  const renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
  renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
  renderer.shadowMap.enabled = true;
  renderer.shadowMap.type = THREE.PCFSoftShadowMap;
  const scene = new THREE.Scene();
  const bounds = boundsOf(episode);
  const size = 2 * bounds.robot.radius;
  const camera = new THREE.PerspectiveCamera(38, 1, 0.02 * size, 2000 * size);
  camera.up.set(0, 0, 1);
  const controls = new THREE.OrbitControls(camera, canvas);
  Object.assign(controls, { minDistance: 0.3 * size, maxDistance: 300 * size });

  const sky = new THREE.HemisphereLight("#ffffff", "#b9b2a4", 1.6);
  sky.position.set(0, 0, 1);
  const sun = new THREE.DirectionalLight("#ffffff", 2.1);
  sun.castShadow = true;
  sun.shadow.mapSize.set(2048, 2048);
  const reach = 1.3 * size;
  Object.assign(sun.shadow.camera, { left: -reach, right: reach, top: reach, bottom: -reach, near: 0.1 * size, far: 30 * size + 4 * bounds.all.extent[2] });
  Object.assign(sun.shadow, { normalBias: 0.004 * size, bias: -2e-4 });
  scene.add(sky, sun, sun.target);

  const groups = episode.bodies.map((body) => {
    const group = new THREE.Group();
    const ground = body.parent === null ? groundOf(body)?.shape : null;
    for (const shape of body.shapes) {
      const solid = shape === ground ? null : solidOf(shape, body);
      if (solid) group.add(solid);
    }
    scene.add(group);
    return group;
  });
  const ground = makeGround(scene, episode, bounds, size);
  const trail = makeTrail(scene, episode, size);
  let colors = themeColors();
  const drawGoals = makeGoals(scene, episode, size, colors);
  const floating = bounds.all.radius > 2.2 * bounds.robot.radius;

  const focus = new THREE.Vector3();
  const [place, turn] = [new THREE.Vector3(), new THREE.Quaternion()];
  const anchor = new THREE.Vector3();
  const base = episode.bodies[episode.base];
  if (base) {
    episode.pose(base, 0, place, turn);
    anchor.subVectors(bounds.robot.centre, place);
  }
  let following = floating;
  let frame = 0;

  // Where the robot is.
  const locate = (target) => {
    if (!base) return target.copy(bounds.robot.centre);
    episode.pose(base, frame, place, turn);
    return target.copy(place).add(anchor);
  };

  const stage = {
    render() {
      ground.centre(controls.target);
      renderer.render(scene, camera);
    },
    show(time) {
      frame = Math.min(time / episode.period_s, episode.lastFrame);
      episode.bodies.forEach((body, index) => episode.pose(body, frame, groups[index].position, groups[index].quaternion));
      drawGoals(Math.min(Math.floor(frame + 1e-6), episode.lastFrame), frame);
      trail?.geometry.setDrawRange(0, Math.floor(frame) + 1);
      const before = focus.clone();
      locate(focus);
      if (following) {
        camera.position.add(focus).sub(before);
        controls.target.add(focus).sub(before);
        controls.update();
      }
      sun.target.position.copy(focus);
      sun.position.copy(focus).addScaledVector(place.set(0.35, -0.45, 1.25).normalize(), 8 * size);
      stage.render();
    },
    // Follows the robot wherever it goes, or stays; either way what was seen stays in sight.
    follow(wanted) {
      following = wanted;
    },
    get following() {
      return following;
    },
    reset() {
      following = floating;
      locate(focus);
      const seen = floating ? bounds.robot : bounds.all;
      controls.target.copy(floating ? focus : seen.centre);
      const narrow = Math.min(1, camera.aspect);
      const distance = ((floating ? 2.3 : 1.12) * seen.radius) / (Math.sin((camera.fov * Math.PI) / 360) * narrow);
      camera.position.copy(controls.target).addScaledVector(viewDirection(bounds.all.extent), distance);
      controls.update();
      stage.render();
    },
    contacts(wanted) {
      scene.traverse((solid) => { if (solid.userData.contact) solid.visible = wanted; });
      stage.render();
    },
    resize() {
      const { clientWidth: width, clientHeight: height } = canvas.parentElement;
      if (width === 0 || height === 0) return;
      renderer.setSize(width, height, false);
      camera.aspect = width / height;
      camera.updateProjectionMatrix();
      stage.render();
    },
    paint() {
      colors = themeColors();
      const dark = colors.paper.getHSL({}).l < 0.5;
      scene.background = colors.paper.clone();
      if (dark) scene.background.multiplyScalar(1.25); else scene.background.multiplyScalar(0.985);
      scene.fog = new THREE.Fog(scene.background, 12 * size + bounds.all.radius, 45 * size + 4 * bounds.all.radius);
      sky.intensity = dark ? 1.1 : 1.6;
      ground.paint(colors, dark);
      trail?.material.color.copy(colors.accent);
      stage.render();
    },
    spacing: ground.spacing,
  };
  controls.addEventListener("change", stage.render);
  stage.resize();
  stage.paint();
  stage.reset();
  return stage;
}
