//! Collision meshes, of which the convex hull touches: as in MuJoCo.
//!
//! STL and OBJ are read. rapier's own mesh loading would drop a mesh that it cannot read; here that is an error.

use super::super::text::{MAX_MESH_BYTES, read};
use super::frame::Frame;
use mesh_loader::Scene;
use rapier3d::geometry::{Collider, ColliderBuilder, SharedShape};
use rapier3d::math::{Pose, Vector};
use rapier3d_urdf::urdf_rs::{Collision, Geometry, Robot};
use std::path::{Path, PathBuf};

/// Takes the collision meshes out of the robot's links and returns each link's hulls.
pub(super) fn take_hulls(robot: &mut Robot, folder: &Path) -> Result<Vec<Vec<Collider>>, String> {
    let mut hulls = Vec::with_capacity(robot.links.len());
    for link in &mut robot.links {
        let (meshes, others): (Vec<Collision>, Vec<Collision>) = std::mem::take(&mut link.collision)
            .into_iter()
            .partition(|collision| matches!(collision.geometry, Geometry::Mesh { .. }));
        link.collision = others;
        let hulls_of_link: Result<Vec<Collider>, String> = meshes
            .iter()
            .map(|mesh| {
                hull(mesh, folder).map_err(|reason| format!("<collision> of link {:?}: {reason}", link.name))
            })
            .collect();
        hulls.push(hulls_of_link?);
    }
    Ok(hulls)
}

fn hull(collision: &Collision, folder: &Path) -> Result<Collider, String> {
    let Geometry::Mesh { filename, scale } = &collision.geometry else { return Err("no mesh".to_owned()) };
    let scale = scale.map_or([1.0; 3], |scale| scale.0).map(|factor| factor as f32);
    let path = find(filename, folder)?;
    let points: Vec<Vector> = vertices(&path)?
        .into_iter()
        .map(|[x, y, z]| Vector::new(x * scale[0], y * scale[1], z * scale[2]))
        .collect();
    let flat = || format!("mesh {filename:?}: its {} vertices span no volume", points.len());
    let sound = points.iter().all(|point| point.is_finite() && point.length() < 1e6);
    if !sound {
        return Err(format!("mesh {filename:?}: vertices that are not finite or beyond 10⁶ m"));
    }
    let (low, high) = points
        .iter()
        .fold((Vector::MAX, Vector::MIN), |(low, high), point| (low.min(*point), high.max(*point)));
    if points.len() < 4 || !((high - low).min_element() > 0.0) {
        return Err(flat());
    }
    let shape = SharedShape::convex_hull(&points).ok_or_else(flat)?;
    let origin = Frame::of(&collision.origin);
    let pose = Pose::from_parts(
        Vector::from_array(<[f64; 3]>::from(origin.translation).map(|value| value as f32)),
        rapier3d::math::Rotation::from_mat3(&rapier3d::math::Matrix::from_cols_array(&column_major(&origin))),
    );
    Ok(ColliderBuilder::new(shape).density(0.0).friction(1.0).position(pose).build())
}

fn column_major(frame: &Frame) -> [f32; 9] {
    let mut columns = [0.0; 9];
    columns.iter_mut().zip(frame.rotation.iter()).for_each(|(to, from)| *to = *from as f32);
    columns
}

/// A mesh's vertices; every face repeats its own in an STL.
fn vertices(path: &Path) -> Result<Vec<[f32; 3]>, String> {
    let fail = |reason: &dyn std::fmt::Display| format!("mesh {}: {reason}", path.display());
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let mut bytes = read(path, MAX_MESH_BYTES).map_err(|reason| format!("mesh {reason}"))?;
    let scene = match extension.to_ascii_lowercase().as_str() {
        "stl" => {
            name_as_binary(&mut bytes);
            mesh_loader::stl::from_slice(&bytes).map_err(|error| fail(&error))?
        }
        "obj" => {
            // Materials only look.
            let nothing = |_: &Path| Ok(Vec::<u8>::new());
            mesh_loader::obj::from_slice(&bytes, Some(path), nothing).map_err(|error| fail(&error))?
        }
        _ => return Err(fail(&"expected .stl or .obj")),
    };
    let Scene { meshes, .. } = scene;
    Ok(meshes.into_iter().flat_map(|mesh| mesh.vertices).collect())
}

/// Exporters begin binary files with the word that tells a text one; their length tells them.
fn name_as_binary(stl: &mut [u8]) {
    let (header, facet) = (84, 50);
    let count = stl.get(80..header).and_then(|count| count.try_into().ok()).map(u32::from_le_bytes);
    if count.is_some_and(|count| header as u64 + facet * u64::from(count) == stl.len() as u64) {
        stl[..5].fill(b' ');
    }
}

/// Where a mesh lies: beside the robot's file, or for `package://NAME/REST` in a folder above it that is called NAME, or
/// holds one that is.
fn find(filename: &str, folder: &Path) -> Result<PathBuf, String> {
    let packaged = ["package://", "model://"].iter().find_map(|scheme| filename.strip_prefix(scheme));
    let Some(rest) = packaged else {
        let path = folder.join(filename.strip_prefix("file://").unwrap_or(filename));
        return if path.exists() { Ok(path) } else { Err(format!("mesh {}: no such file", path.display())) };
    };
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let (package, inner) = rest.split_once('/').unwrap_or((rest, ""));
    let candidates = folder.ancestors().flat_map(|above| {
        let named = above.file_name().is_some_and(|name| name == package);
        [named.then(|| above.join(inner)), Some(above.join(rest))].into_iter().flatten()
    });
    let found = candidates.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| {
        format!(
            "mesh {filename:?}: no such file in a folder {package:?} that is, or lies beside, one of {} or above",
            folder.display()
        )
    })
}
