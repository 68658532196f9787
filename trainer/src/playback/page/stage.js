// The robot in its world: camera, light, ground, bodies, trail and goals. z is up.

// As many frames as a view needs to be fitted.
const MOST_BOUNDS = 200;
// Tiles of the ground's grid, each way.
const GRID_TILES = 60;

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
  if (x < 0.25 * Math.min(y, z)) return new THREE.Vector3(1, -0.3, 0.28).normalize();
  if (y < 0.25 * Math.max(x, z) && z > 0.2 * x) return new THREE.Vector3(0.3, -1, 0.28).normalize();
  return new THREE.Vector3(0.85, -1, 0.55).normalize();
}

// Ten by ten cells of white lines, the outermost stronger.
function gridTexture() {
  const side = 1024;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  for (let line = 0; line <= 10; line++) {
    const major = line % 10 === 0;
    context.fillStyle = `rgba(255, 255, 255, ${major ? 0.75 : 0.32})`;
    const [at, width] = [(line * side) / 10, major ? 4 : 2];
    context.fillRect(at - width / 2, 0, width, side);
    context.fillRect(0, at - width / 2, side, width);
  }
  const texture = new THREE.CanvasTexture(canvas);
  texture.wrapS = texture.wrapT = THREE.RepeatWrapping;
  return texture;
}

function makeGround(scene, episode, bounds, size, anisotropy) {
  const world = episode.bodies[0];
  const ground = groundOf(world);
  const height = ground ? ground.height : bounds.all.low[2] - 0.02 * size;
  const spacing = 10 ** Math.floor(Math.log10(0.8 * size));
  const group = new THREE.Group();
  group.position.z = height;
  // Drawn in this order and without depth of their own, so that none of them flickers through another.
  const add = (solid, order) => {
    solid.renderOrder = order;
    group.add(solid);
    return solid;
  };
  const flat = () => new THREE.PlaneGeometry(4000 * size, 4000 * size);
  const floor = new THREE.MeshBasicMaterial({ transparent: true, depthWrite: false });
  if (ground) add(new THREE.Mesh(flat(), floor), -4);
  const shade = add(new THREE.Mesh(flat(), new THREE.ShadowMaterial({ opacity: 0.2, depthWrite: false })), -3);
  shade.receiveShadow = true;
  const tile = 10 * spacing;
  const texture = gridTexture();
  texture.repeat.set(GRID_TILES, GRID_TILES);
  texture.anisotropy = anisotropy;
  const lines = new THREE.MeshBasicMaterial({ map: texture, transparent: true, depthWrite: false });
  const grid = add(new THREE.Mesh(new THREE.PlaneGeometry(GRID_TILES * tile, GRID_TILES * tile), lines), -2);
  const terrain = hasTerrain(world);
  if (!terrain) scene.add(group);
  return {
    spacing: terrain ? null : spacing,
    // Lines that go on for ever: they follow the camera's target, tile by tile.
    centre(target) {
      grid.position.set(tile * Math.round(target.x / tile), tile * Math.round(target.y / tile), 0);
    },
    paint(colors, dark) {
      floor.color.copy(colors.grid);
      shade.material.opacity = dark ? 0.45 : 0.2;
      lines.color.copy(colors.muted);
      lines.opacity = dark ? 0.5 : 0.6;
    },
  };
}

// Whether a camera has to follow: the robot goes farther than its own size, and not on rails.
function goesAfar(episode, size) {
  const base = episode.bodies[episode.base];
  if (!base) return false;
  const [place, turn, start] = [new THREE.Vector3(), new THREE.Quaternion(), new THREE.Quaternion()];
  const [low, high] = [new THREE.Vector3(Infinity, Infinity, Infinity), new THREE.Vector3(-Infinity, -Infinity, -Infinity)];
  let turned = false;
  episode.pose(base, 0, place, start);
  for (let frame = 0; frame < episode.frames; frame++) {
    episode.pose(base, frame, place, turn);
    low.min(place);
    high.max(place);
    turned ||= turn.angleTo(start) > 1e-3;
  }
  const extent = high.sub(low).toArray().filter((length) => length > 1e-3 * size);
  return Math.hypot(...extent) > 1.2 * size && (turned || extent.length > 1);
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
  renderer.shadowMap.type = THREE.PCFShadowMap;
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
  const ground = makeGround(scene, episode, bounds, size, renderer.capabilities.getMaxAnisotropy());
  const trail = makeTrail(scene, episode, size);
  let colors = themeColors();
  const goals = makeGoals(scene, episode, size, colors);
  const afar = goesAfar(episode, size);

  const focus = new THREE.Vector3();
  const [place, turn] = [new THREE.Vector3(), new THREE.Quaternion()];
  const anchor = new THREE.Vector3();
  const base = episode.bodies[episode.base];
  if (base) {
    episode.pose(base, 0, place, turn);
    anchor.subVectors(bounds.robot.centre, place);
  }
  let following = afar;
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
      goals.show(Math.min(Math.floor(frame + 1e-6), episode.lastFrame), frame);
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
      following = afar;
      locate(focus);
      controls.target.copy(afar ? focus : bounds.all.centre);
      // A robot that is followed is seen with its goal, unless that would make it tiny.
      const radius = afar ? Math.min(Math.max(1.1 * size, 1.15 * goals.distance(focus)), 3 * size) : 1.05 * bounds.all.radius;
      const distance = radius / (Math.sin((camera.fov * Math.PI) / 360) * Math.min(1, camera.aspect));
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
      scene.background = colors.paper.clone().lerp(colors.grid, 0.5);
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
