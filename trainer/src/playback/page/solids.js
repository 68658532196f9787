// Shapes of a body as three.js meshes. Whatever has an axis has it along z; three.js has it along y.

// By distance from the world, so that the same part of every leg has the same colour.
const COLORS = ["#8f8b83", "#41606f", "#cf8d3c", "#3f8f89", "#8a6ba6", "#b65a50", "#6f8f48", "#4f74a8"];

function geometryOf(shape) {
  const upright = (geometry) => geometry.rotateX(Math.PI / 2);
  const [a, b, c] = shape.size || [];
  switch (shape.form) {
    case "box": return new THREE.BoxGeometry(2 * a, 2 * b, 2 * c);
    case "sphere": return new THREE.SphereGeometry(a, 32, 20);
    case "capsule": return upright(new THREE.CapsuleGeometry(a, 2 * b, 10, 24));
    case "cylinder": return upright(new THREE.CylinderGeometry(a, a, 2 * b, 40));
    case "triangles": {
      const geometry = new THREE.BufferGeometry();
      geometry.setAttribute("position", new THREE.BufferAttribute(shape.vertices, 3));
      geometry.setIndex(new THREE.BufferAttribute(shape.corners, 1));
      geometry.computeVertexNormals();
      return geometry;
    }
    default: return null;
  }
}

function materialOf(shape, body) {
  const [red, green, blue, opacity] = shape.color || [];
  const color = new THREE.Color();
  if (shape.color) color.setRGB(red, green, blue, "srgb");
  else color.set(body.depth === 0 ? COLORS[0] : COLORS[1 + ((body.depth - 1) % (COLORS.length - 1))]);
  const flatShading = shape.form === "triangles";
  const material = new THREE.MeshStandardMaterial({ color, roughness: 0.62, metalness: 0.05, flatShading });
  if (opacity < 1) Object.assign(material, { transparent: true, opacity });
  return material;
}

function rotorOf(shape, body) {
  const [radius] = shape.size;
  const color = new THREE.Color(COLORS[1 + (body.depth % (COLORS.length - 1))]);
  const disc = new THREE.Mesh(
    new THREE.CircleGeometry(radius, 48),
    new THREE.MeshStandardMaterial({ color, transparent: true, opacity: 0.28, side: THREE.DoubleSide, depthWrite: false }));
  const rim = new THREE.Mesh(
    new THREE.TorusGeometry(radius, 0.03 * radius, 8, 64), new THREE.MeshStandardMaterial({ color, roughness: 0.6 }));
  const rotor = new THREE.Group();
  rotor.add(disc, rim);
  rim.castShadow = disc.castShadow = true;
  return rotor;
}

// A shape at its place in the body; null for a ground without end, which is drawn apart.
function solidOf(shape, body) {
  let solid;
  if (shape.form === "rotor") {
    solid = rotorOf(shape, body);
  } else {
    const geometry = geometryOf(shape);
    if (!geometry) return null;
    solid = shape.shown
      ? new THREE.Mesh(geometry, materialOf(shape, body))
      : new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({ color: "#d0742a", wireframe: true, transparent: true, opacity: 0.35 }));
    solid.castShadow = shape.shown;
    solid.receiveShadow = shape.shown;
  }
  solid.position.fromArray(shape.position);
  solid.quaternion.fromArray(shape.orientation);
  solid.visible = shape.shown;
  solid.userData.contact = !shape.shown;
  return solid;
}

function hasTerrain(world) {
  return world.shapes.some((shape) => shape.shown && shape.form === "triangles");
}

// The height of a level ground among the world's shapes, and the shape itself; a terrain is a ground of its own, drawn as
// what it is, together with whatever lies around it.
function groundOf(world) {
  if (hasTerrain(world)) return null;
  for (const shape of world.shapes) {
    const level = Math.abs(shape.orientation[0]) + Math.abs(shape.orientation[1]) < 1e-6;
    if (level && shape.form === "plane") return { shape, height: shape.position[2] };
    if (level && shape.form === "box" && Math.min(shape.size[0], shape.size[1]) >= 10) {
      return { shape, height: shape.position[2] + shape.size[2] };
    }
  }
  return null;
}
