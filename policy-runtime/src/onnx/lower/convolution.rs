//! Convolution and pooling along one axis: windows are laid out as rows, which a dense layer or a reduction takes.

use super::super::attribute::Attributes;
use super::Lowering;
use super::element_wise::floats;
use super::operand::{Flow, check_count};
use super::view::View;
use crate::image::program::Source;
use crate::kernel::Reduction;
use crate::kernel::scalar::Layout;
use crate::onnx::protobuf::NodeProto;

/// Most groups of a convolution; each is a layer of its own.
const MAX_GROUPS: usize = 1024;

/// How windows lie on the padded axis.
struct Windows {
    kernel: usize,
    stride: usize,
    dilation: usize,
    around: [usize; 2],
    count: usize,
}

impl Lowering<'_> {
    /// `[1, channels, length]` with weights `[outputs, channels / groups, kernel]`.
    pub(super) fn convolution(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let known = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];
        let attributes = Attributes::new(node, &known)?;
        let flow = self.flow(node, 0)?;
        let weights = self.weights(node, 1)?.ok_or("input 1 is missing")?;
        let ([1, channels, length], [outputs, group_channels, kernel]) = (&flow.dims[..], &weights.dims[..])
        else {
            let shapes = (&flow.dims, &weights.dims);
            return Err(format!(
                "has shapes {:?} and {:?}, expected [1, channels, length] and three dimensions",
                shapes.0, shapes.1
            ));
        };
        let (channels, length) = (*channels, *length);
        let (outputs, group_channels, kernel) = (*outputs, *group_channels, *kernel);
        let groups = usize::try_from(attributes.integer("group", 1)?).unwrap_or(0);
        let fits = (1..=MAX_GROUPS).contains(&groups)
            && group_channels.checked_mul(groups) == Some(channels)
            && outputs.is_multiple_of(groups);
        if !fits {
            return Err(format!("{groups} groups do not divide {channels} channels and {outputs} outputs"));
        }
        let windows = windows(&attributes, length, Some(kernel))?;
        let bias = match self.weights(node, 2)? {
            None => vec![0.0; outputs],
            Some(bias) if bias.dims == [outputs] => floats(&bias)?.to_vec(),
            Some(bias) => return Err(format!("its bias has shape {:?}, expected [{outputs}]", bias.dims)),
        };
        let padded = self.padded(&flow, &[[0, 0], [0, 0], windows.around], 0.0)?;
        let count = check_count([outputs, windows.count])?;
        self.check_width(count)?;
        let destination = self.program.reserve(count);
        let (group_outputs, window) = (outputs / groups, group_channels * kernel);
        for group in 0..groups {
            let rows = self.windows_of(&padded, [group * group_channels, group_channels], &windows)?;
            let first = group * group_outputs;
            let weights = &floats(&weights)?[first * window..(first + group_outputs) * window];
            let by_input = (0..window).flat_map(|input| weights.iter().skip(input).step_by(window).copied());
            let bias = bias[first..first + group_outputs].to_vec();
            let layer = self.layer(&rows, [windows.count, group_outputs], by_input.collect(), Some(bias))?;
            // `[windows, outputs]` to `[outputs, windows]`.
            let layout = Layout {
                dims: [1, 1, group_outputs as u32, windows.count as u32],
                source_strides: [0, 0, 1, group_outputs as i32],
                destination_strides: [0, 0, windows.count as u32, 1],
            };
            let place = destination.part(first * windows.count, group_outputs * windows.count);
            self.program.copy(Source::Value(layer.value), 0, place, layout);
        }
        Ok(Flow::new(destination, vec![1, outputs, windows.count]))
    }

    /// Largest or mean of each window.
    pub(super) fn pool(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let known = [
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "storage_order",
            "strides",
        ];
        let attributes = Attributes::new(node, &known)?;
        attributes.expect("ceil_mode", 0, 0)?;
        if node.output.iter().skip(1).any(|output| !output.is_empty()) {
            return Err("gives positions too, which are not computed".to_owned());
        }
        let flow = self.flow(node, 0)?;
        let [1, channels, length] = flow.dims[..] else {
            return Err(format!("input 0 has shape {:?}, expected [1, channels, length]", flow.dims));
        };
        let windows = windows(&attributes, length, None)?;
        let is_mean = node.op_type == "AveragePool";
        if windows.around != [0, 0] && is_mean && !attributes.flag("count_include_pad")? {
            return Err("leaves out what is padded; expected count_include_pad = 1".to_owned());
        }
        let padded =
            self.padded(&flow, &[[0, 0], [0, 0], windows.around], if is_mean { 0.0 } else { f32::MIN })?;
        let view = View {
            start: 0,
            dims: vec![channels, windows.count, windows.kernel],
            strides: vec![padded.dims[2] as isize, windows.stride as isize, windows.dilation as isize],
        };
        let rows = self.flow_rearranged(&padded, &view)?;
        let reduction = if is_mean { Reduction::Mean } else { Reduction::Maximum };
        let value = self.program.reduce(reduction, rows.value, channels * windows.count);
        Ok(Flow::new(value, vec![1, channels, windows.count]))
    }

    /// `[windows, channels · kernel]` of some channels.
    fn windows_of(
        &mut self,
        padded: &Flow,
        [first, channels]: [usize; 2],
        windows: &Windows,
    ) -> Result<Flow, String> {
        let length = padded.dims[2];
        let view = View {
            start: first * length,
            dims: vec![windows.count, channels, windows.kernel],
            strides: vec![windows.stride as isize, length as isize, windows.dilation as isize],
        };
        self.flow_rearranged(padded, &view)
    }
}

fn windows(attributes: &Attributes, length: usize, kernel: Option<usize>) -> Result<Windows, String> {
    let single = |name: &str, default: usize| match attributes.integers(name)?.as_deref() {
        None => Ok(default),
        Some([size]) if (1..=1 << 20).contains(size) => Ok(*size as usize),
        Some(found) => {
            Err(format!("attribute {name:?} is {found:?}, expected one positive size for one axis"))
        }
    };
    let stated = single("kernel_shape", kernel.unwrap_or(0))?;
    if stated == 0 || kernel.is_some_and(|kernel| kernel != stated) {
        return Err(format!("kernel_shape is {stated}, its weights have {kernel:?}"));
    }
    let (stride, dilation) = (single("strides", 1)?, single("dilations", 1)?);
    let reach = (stated - 1).saturating_mul(dilation).saturating_add(1);
    let around = match attributes.text("auto_pad", "NOTSET")? {
        "NOTSET" => match attributes.integers("pads")?.as_deref() {
            None => [0, 0],
            Some([before, after]) if (0..=1 << 20).contains(before) && (0..=1 << 20).contains(after) => {
                [*before as usize, *after as usize]
            }
            Some(found) => return Err(format!("pads are {found:?}, expected two for one axis")),
        },
        "VALID" => [0, 0],
        same @ ("SAME_UPPER" | "SAME_LOWER") => {
            let total = ((length.div_ceil(stride) - 1) * stride + reach).saturating_sub(length);
            let (small, large) = (total / 2, total.div_ceil(2));
            if same == "SAME_UPPER" { [small, large] } else { [large, small] }
        }
        other => return Err(format!("auto_pad {other:?} is unknown")),
    };
    let free = (length + around[0] + around[1]).checked_sub(reach);
    let free = free.ok_or_else(|| format!("a window of {reach} does not fit {length} values"))?;
    Ok(Windows { kernel: stated, stride, dilation, around, count: free / stride + 1 })
}
