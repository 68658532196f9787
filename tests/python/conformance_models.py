"""Makes the models of tests/models: small policies as PyTorch (both its exporters), Stable-Baselines3 and rsl_rl export them.

    pip install torch onnx onnxscript onnxruntime stable-baselines3 rsl-rl-lib
    python tests/python/conformance_models.py [NAME...]

For each model it writes NAME.onnx and NAME.expected, and a line of index.json with what tests/tests/conformance.rs needs.
NAME.expected holds f32, little-endian: for each of the samples all outputs of ONNX Runtime, in the graph's order, then for
each of them the residual (reference - ONNX Runtime), where the reference is PyTorch in double precision with the same weights.

Inputs are not stored: value k of model m is center + reach * unit(k), with the SplitMix64 numbers unit(k) in [-1, 1) of the
stream that begins with the model's seed, computed in f32. States of a recurrent model start at zero every 32 steps, and are
ONNX Runtime's own outputs of the step before.
"""

import contextlib
import copy
import io
import json
import pathlib
import sys
import warnings
import zlib

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

SAMPLES = 128
EPISODE = 32
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "models"
MODELS = []


def units(seed, count):
    """SplitMix64 (Steele, Lea and Flood) as f32 in [-1, 1)."""
    mask = (1 << 64) - 1
    numbers = []
    state = seed
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        numbers.append(((z ^ (z >> 31)) >> 40) / 8388608.0 - 1.0)
    return np.array(numbers, dtype=np.float32)


def model(name, build, inputs, exporter, opset, center=0.0, reach=2.0, states=(), outputs=("actions",)):
    """Adds a model. `inputs` are (name, shape) without the batch; `states` are (input, output, whole shape)."""
    MODELS.append(dict(name=name, build=build, inputs=list(inputs), exporter=exporter, opset=opset, center=center,
                       reach=reach, states=list(states), outputs=list(outputs)))


def both(name, build, inputs, opset=17, **rest):
    """Adds a model by each of PyTorch's exporters."""
    model(f"{name}_script", build, inputs, "script", opset, **rest)
    model(f"{name}_dynamo", build, inputs, "dynamo", max(opset, 18), **rest)


OBS = [("obs", (6,))]


def mlp(activation, inputs=6, hidden=12, outputs=3):
    return nn.Sequential(nn.Linear(inputs, hidden), activation, nn.Linear(hidden, hidden), copy.deepcopy(activation),
                         nn.Linear(hidden, outputs))


class Function(nn.Module):
    """A module of one function, over layers of its own."""

    def __init__(self, function, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.function = function

    def forward(self, *inputs):
        return self.function(self.layers, *inputs)


def activations():
    opsets = [9, 11, 12, 13, 14, 15, 16, 17, 18]
    cases = {
        "relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.05), "prelu": nn.PReLU(), "elu": nn.ELU(), "selu": nn.SELU(),
        "celu": nn.CELU(1.3), "gelu": nn.GELU(), "gelu_tanh": nn.GELU(approximate="tanh"), "sigmoid": nn.Sigmoid(),
        "silu": nn.SiLU(), "mish": nn.Mish(), "softplus": nn.Softplus(), "softsign": nn.Softsign(), "tanh": nn.Tanh(),
        "hard_sigmoid": nn.Hardsigmoid(), "hard_swish": nn.Hardswish(), "hard_tanh": nn.Hardtanh(-0.5, 0.75),
        "relu6": nn.ReLU6(), "log_sigmoid": nn.LogSigmoid(), "tanh_shrink": nn.Tanhshrink(),
    }
    for index, (name, activation) in enumerate(cases.items()):
        opset = opsets[index % len(opsets)]
        if name in ("celu", "gelu_tanh", "mish", "hard_swish", "hard_sigmoid"):
            opset = max(opset, 14)
        both(f"mlp_{name}", lambda activation=activation: mlp(copy.deepcopy(activation)), OBS, opset)


def arithmetic():
    both("exp_log", lambda: Function(lambda _, x: torch.log(torch.exp(x * 0.5) + 1.5)), OBS, 11)
    both("roots_and_powers", lambda: Function(lambda _, x: torch.cat(
        [torch.sqrt(x), torch.rsqrt(x), torch.reciprocal(x), x**2, x**3, x**1.7], -1)), OBS, 13, center=2.0, reach=1.5)
    both("signs_and_rounding", lambda: Function(lambda _, x: torch.cat(
        [x.abs(), -x, torch.sign(x), torch.floor(x), torch.ceil(x), torch.round(x)], -1)), OBS, 14, reach=5.0)
    both("phase_clock", lambda: Function(lambda _, x: torch.cat([torch.sin(x), torch.cos(x), torch.erf(x)], -1)), OBS, 13,
         reach=7.0)
    both("remainders", lambda: Function(lambda _, x, y: torch.cat([torch.fmod(x, y), torch.remainder(x, 1.5)], -1)),
         [("obs", (4,)), ("period", (4,))], 13, center=2.0, reach=1.5)
    both("minima_and_maxima", lambda: Function(lambda _, x, y: torch.cat(
        [torch.minimum(x, y), torch.maximum(x, y), torch.clamp(x, -0.3, 0.8), torch.clamp(y, min=0.1)], -1)),
        [("obs", (4,)), ("limit", (4,))], 12)
    both("comparisons", lambda: Function(lambda _, x, y: torch.cat(
        [torch.where((x > y) & (x > 0.1), x, y * 2), torch.where((x <= y) | ~(y < 0.5), x - y, x.new_tensor(0.25)),
         ((x >= y) == (x > 0)).float()], -1)), [("obs", (4,)), ("other", (4,))], 16)
    both("broadcasts", lambda: Function(lambda layers, x: (layers[0](x) / 3.0 - 1.0) * layers[0].bias + 2.0 / (x[:, :1] + 4.0),
                                        nn.Linear(6, 5)), OBS, 13)


def norms():
    def block(norm):
        return lambda: nn.Sequential(nn.Linear(6, 12), norm(), nn.ELU(), nn.Linear(12, 3))

    def batch_norm():
        norm = nn.BatchNorm1d(12)
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.3, 2.0)
        return norm

    model("layer_norm_decomposed", block(lambda: nn.LayerNorm(12)), OBS, "script", 13)
    both("layer_norm", block(lambda: nn.LayerNorm(12)), OBS, 17)
    both("layer_norm_plain", block(lambda: nn.LayerNorm(12, elementwise_affine=False)), OBS, 17)
    both("batch_norm", block(batch_norm), OBS, 12)
    model("rms_norm", block(lambda: nn.RMSNorm(12)), OBS, "dynamo", 18)
    model("rms_norm_operator", block(lambda: nn.RMSNorm(12)), OBS, "dynamo", 23)
    both("l2_normalized", lambda: Function(lambda layers, x: nn.functional.normalize(layers[0](x), dim=-1),
                                           nn.Linear(6, 5)), OBS, 14)


def reductions():
    both("softmax", lambda: nn.Sequential(mlp(nn.ReLU()), nn.Softmax(-1)), OBS, 11)
    both("log_softmax", lambda: nn.Sequential(mlp(nn.ReLU()), nn.LogSoftmax(-1)), OBS, 13)
    both("experts", lambda: Function(lambda layers, x: (
        torch.softmax(layers[0](x), -1).unsqueeze(-1) * torch.tanh(layers[1](x)).view(-1, 4, 3)).sum(1),
        nn.Linear(6, 4), nn.Linear(6, 12)), OBS, 17)
    both("reductions", lambda: Function(lambda _, x: torch.stack(
        [x.mean(-1), x.sum(-1), x.amax(-1), x.amin(-1), x.norm(dim=-1), x.var(-1, unbiased=False)], -1)), [("obs", (20,))], 13)
    both("row_reductions", lambda: Function(lambda _, x: torch.cat(
        [x.mean(1), x.amax(1), x.sum(2), x.logsumexp(2)], -1)), [("scan", (5, 4))], 17)
    both("greedy", lambda: Function(lambda layers, x: layers[0](x).argmax(-1), mlp(nn.ReLU(), outputs=5)), OBS, 13)
    both("dueling", lambda: Function(lambda layers, x: (
        lambda a, v: v + a - a.mean(-1, keepdim=True))(layers[1](layers[0](x)), layers[2](layers[0](x))),
        nn.Sequential(nn.Linear(6, 12), nn.ReLU()), nn.Linear(12, 4), nn.Linear(12, 1)), OBS, 17)


def shapes():
    order = [3, 0, 4, 1, 5, 2]
    both("joint_order", lambda: Function(lambda layers, x: layers[0](x[:, order])[:, [2, 0, 1]], mlp(nn.Tanh())), OBS, 13)
    both("slices", lambda: Function(lambda _, x: torch.cat(
        [x[:, 2:5], x[:, ::2], x[:, -2:], x.flip(-1), torch.cat(x.chunk(3, -1)[::-1], -1)], -1)), OBS, 12)
    both("history", lambda: Function(lambda layers, x: layers[0](
        x.view(-1, 5, 4).transpose(1, 2).flatten(1)) + x.view(-1, 5, 4)[:, -1, :3], nn.Linear(20, 3)), [("obs", (20,))], 17)
    both("expansion", lambda: Function(lambda layers, x, y: layers[0](torch.cat(
        [x.view(-1, 3, 2), y.unsqueeze(1).expand(-1, 3, 4)], -1)).flatten(1), nn.Linear(6, 2)),
        [("obs", (6,)), ("command", (4,))], 13)
    both("residual", lambda: Function(lambda layers, x: layers[3](
        layers[2](nn.functional.elu(layers[1](nn.functional.elu(layers[0](x))))) + x), *[nn.Linear(*s) for s in
        ((6, 10), (10, 10), (10, 6), (6, 3))]), OBS, 9)
    both("normalized", lambda: Function(lambda layers, x: torch.tanh(layers[0](
        torch.clamp((x - torch.linspace(-1, 1, 6, dtype=x.dtype)) / torch.linspace(0.5, 2, 6, dtype=x.dtype), -5, 5))) * 2.5,
        mlp(nn.ELU())), OBS, 17, reach=8.0)
    both("two_inputs_two_outputs", lambda: Function(lambda layers, x, y: (
        layers[1](torch.cat([x, torch.relu(layers[0](y))], -1)), layers[0](y)), nn.Linear(9, 4), mlp(nn.ELU(), 10)),
        [("obs", (6,)), ("scan", (9,))], 17, outputs=("actions", "latent"))


def convolutions():
    both("history_encoder", lambda: Function(lambda layers, x: layers[3](nn.functional.elu(layers[2](nn.functional.elu(
        layers[1](layers[0](x).transpose(1, 2))))).flatten(1)), nn.Linear(4, 6), nn.Conv1d(6, 5, 4, stride=2),
        nn.Conv1d(5, 4, 3, stride=1, padding=1), nn.Linear(16, 3)), [("history", (10, 4))], 13)
    both("dilated_convolution", lambda: nn.Sequential(
        nn.Conv1d(3, 4, 3, padding=2, dilation=2), nn.ReLU(), nn.Conv1d(4, 4, 3, groups=2), nn.Tanh(), nn.Flatten(),
        nn.Linear(32, 2)), [("history", (3, 10))], 11)
    both("depthwise_convolution", lambda: nn.Sequential(
        nn.Conv1d(4, 4, 3, groups=4, bias=False), nn.BatchNorm1d(4), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
        nn.Linear(4, 2)), [("history", (4, 9))], 17)
    model("pooled_convolution", lambda: nn.Sequential(
        nn.ConstantPad1d((1, 2), 0.5), nn.Conv1d(3, 4, 2), nn.MaxPool1d(2), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(8, 2)),
        [("history", (3, 8))], "script", 17)


class Recurrent(nn.Module):
    """As a policy with memory is exported: states as inputs and outputs."""

    def __init__(self, rnn, inputs=5, hidden=6, layers=1):
        super().__init__()
        self.is_lstm = rnn is nn.LSTM
        self.rnn = rnn(inputs, hidden, layers)
        self.head = nn.Linear(hidden, 3)

    def forward(self, obs, *states):
        y, states = self.rnn(obs.unsqueeze(0), states if self.is_lstm else states[0])
        return (self.head(nn.functional.elu(y.squeeze(0))), *(states if self.is_lstm else (states,)))


class Cell(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell(5, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, obs, *states):
        new = self.cell(obs, states if len(states) > 1 else states[0])
        new = new if isinstance(new, tuple) else (new,)
        return (torch.tanh(self.head(new[0])), *new)


def recurrent():
    def states(kinds, layers):
        return [(f"{kind}_in", f"{kind}_out", (layers, 1, 6)) for kind in kinds]

    obs = [("obs", (5,))]
    for layers in (1, 2):
        both(f"gru_{layers}", lambda layers=layers: Recurrent(nn.GRU, layers=layers), obs, 13 + layers, states=states("h", layers))
        both(f"lstm_{layers}", lambda layers=layers: Recurrent(nn.LSTM, layers=layers), obs, 13 + layers,
             states=states("hc", layers))
    both("gru_cell", lambda: Cell(nn.GRUCell), obs, 17, states=[("h0", "hn", (1, 6))])
    both("lstm_cell", lambda: Cell(nn.LSTMCell), obs, 17, states=[("hx", "hy", (1, 6)), ("cx", "cy", (1, 6))])
    both("gru_over_history", lambda: Function(lambda layers, x: layers[1](layers[0](x.transpose(0, 1))[0][-1]),
                                              nn.GRU(4, 5), nn.Linear(5, 2)), [("history", (6, 4))], 17)
    both("lstm_both_ways", lambda: Function(lambda layers, x: layers[1](layers[0](x.transpose(0, 1))[0][-1]),
                                            nn.LSTM(4, 3, bidirectional=True), nn.Linear(6, 2)), [("history", (4, 4))], 17)


def attention():
    both("attention", lambda: Function(lambda layers, x: (lambda q, k, v: layers[3]((torch.softmax(
        q @ k.transpose(1, 2) / 2.0, -1) @ v).flatten(1)))(*[layer(x) for layer in layers[:3]]),
        nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(24, 2)), [("history", (6, 4))], 17)


def stable_baselines():
    import gymnasium
    from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3

    class Bare(gymnasium.Env):
        def __init__(self, discrete):
            self.observation_space = gymnasium.spaces.Box(-3, 3, (6,), np.float32)
            self.action_space = gymnasium.spaces.Discrete(4) if discrete else gymnasium.spaces.Box(-1, 1, (3,), np.float32)

        def reset(self, seed=None, options=None):
            return np.zeros(6, np.float32), {}

        def step(self, action):
            return np.zeros(6, np.float32), 0.0, False, True, {}

    def agent(kind, discrete=False, **policy):
        return kind("MlpPolicy", Bare(discrete), policy_kwargs=dict(net_arch=[16, 16], **policy), seed=1, device="cpu").policy

    class Documented(nn.Module):
        """The wrapper that Stable-Baselines3's documentation gives for actors and critics."""

        def __init__(self, policy):
            super().__init__()
            self.policy = policy

        def forward(self, obs):
            return self.policy(obs, deterministic=True)

    class Deterministic(nn.Module):
        """The same for off-policy algorithms."""

        def __init__(self, actor):
            super().__init__()
            self.actor = actor

        def forward(self, obs):
            return self.actor(obs, deterministic=True)

    class Bounded(nn.Module):
        """The deterministic action, clipped to the space, with the statistics of VecNormalize before it."""

        def __init__(self, policy):
            super().__init__()
            self.policy = policy
            self.register_buffer("mean", torch.linspace(-1, 1, 6))
            self.register_buffer("variance", torch.linspace(0.2, 3, 6))

        def forward(self, obs):
            obs = torch.clamp((obs - self.mean) / torch.sqrt(self.variance + 1e-8), -10.0, 10.0)
            features = self.policy.mlp_extractor.policy_net(obs)
            return torch.clamp(self.policy.action_net(features), -1.0, 1.0)

    three = ("actions", "values", "log_prob")
    # PyTorch's newer exporter does not convert these two.
    model("sb3_ppo_script", lambda: Documented(agent(PPO)), OBS, "script", 17, outputs=three)
    both("sb3_a2c_normalized", lambda: Bounded(agent(A2C, activation_fn=nn.ELU)), OBS)
    model("sb3_sac_script", lambda: Deterministic(agent(SAC).actor), OBS, "script", 17)
    both("sb3_td3", lambda: Function(lambda layers, x: layers[0](x), agent(TD3).actor), OBS)
    both("sb3_ddpg", lambda: Function(lambda layers, x: layers[0](x), agent(DDPG, activation_fn=nn.LeakyReLU).actor), OBS)
    both("sb3_dqn_values", lambda: Function(lambda layers, x: layers[0](x), agent(DQN, True).q_net), OBS)
    both("sb3_dqn", lambda: Function(lambda layers, x: layers[0](x).argmax(1), agent(DQN, True).q_net), OBS)


def rsl_rl():
    from rsl_rl.models import MLPModel, RNNModel
    from tensordict import TensorDict

    obs = TensorDict({"policy": torch.zeros(1, 6)}, batch_size=[1])

    def build(kind, **rest):
        made = kind(obs, {"actor": ["policy"]}, "actor", 3, hidden_dims=(16, 12), obs_normalization=True, **rest)
        made.obs_normalizer._mean.uniform_(-1, 1)
        made.obs_normalizer._var.uniform_(0.3, 2)
        made.obs_normalizer._std.copy_(torch.sqrt(made.obs_normalizer._var))
        return made.as_onnx(verbose=False)

    gaussian = {"class_name": "rsl_rl.modules.distribution:GaussianDistribution", "init_std": 1.0}
    both("rsl_rl_elu", lambda: build(MLPModel, activation="elu", distribution_cfg=gaussian), OBS, 18)
    both("rsl_rl_selu", lambda: build(MLPModel, activation="selu"), OBS, 18)
    both("rsl_rl_gru", lambda: build(RNNModel, rnn_type="gru", rnn_hidden_dim=8, rnn_num_layers=2), OBS, 18,
         states=[("h_in", "h_out", (2, 1, 8))])
    both("rsl_rl_lstm", lambda: build(RNNModel, rnn_type="lstm", rnn_hidden_dim=8, rnn_num_layers=1), OBS, 18,
         states=[("h_in", "h_out", (1, 1, 8)), ("c_in", "c_out", (1, 1, 8))])


def export(case, module, path):
    inputs = [torch.zeros(1, *shape) + case["center"] for _, shape in case["inputs"]]
    inputs += [torch.zeros(*shape) for _, _, shape in case["states"]]
    names = [name for name, _ in case["inputs"]] + [name for name, _, _ in case["states"]]
    outputs = case["outputs"] + [name for _, name, _ in case["states"]]
    common = dict(input_names=names, output_names=outputs, opset_version=case["opset"])
    if case["exporter"] == "script":
        # The batch is free, as most tutorials have it; of a recurrent policy it is fixed, as rsl_rl has it.
        free = {} if case["states"] else {name: {0: "batch"} for name, _ in case["inputs"]}
        torch.onnx.export(module, tuple(inputs), path, dynamo=False, dynamic_axes=free, **common)
    else:
        torch.onnx.export(module, tuple(inputs), path, dynamo=True, external_data=False, verbose=False, **common)


def slim(path):
    """Drops what no engine reads: stack traces, shapes of inner values, metadata."""
    graph = onnx.load(path)
    del graph.graph.value_info[:], graph.metadata_props[:], graph.graph.metadata_props[:]
    graph.doc_string = graph.graph.doc_string = ""
    for node in graph.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*graph.graph.input, *graph.graph.output, *graph.graph.initializer]:
        del value.metadata_props[:]
    onnx.save(graph, path)
    return graph


@contextlib.contextmanager
def in_double():
    """Stable-Baselines3 casts its observations to float; the reference stays in double."""
    cast = torch.Tensor.float
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.Tensor.float = cast


def evaluate(case, double, path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shapes = {name: (1, *shape) for name, shape in case["inputs"]}
    per_sample = sum(int(np.prod(shape)) for shape in shapes.values())
    seed = zlib.crc32(case["name"].encode())
    numbers = np.float32(case["center"]) + np.float32(case["reach"]) * units(seed, per_sample * SAMPLES)
    names = case["outputs"] + [name for _, name, _ in case["states"]]
    found, residuals, place = [], [], 0
    states = {}
    for sample in range(SAMPLES):
        feed = {}
        for name, shape in shapes.items():
            size = int(np.prod(shape))
            feed[name] = numbers[place:place + size].reshape(shape)
            place += size
        if sample % EPISODE == 0:
            states = {name: np.zeros(shape, np.float32) for name, _, shape in case["states"]}
        feed.update(states)
        given = session.run(names, feed)
        with torch.no_grad(), in_double():
            reference = double(*[torch.from_numpy(feed[name]).double() for name in feed])
        reference = reference if isinstance(reference, tuple) else (reference,)
        reference = [value for value in reference if value is not None]
        values = np.concatenate([np.asarray(value, np.float32).ravel() for value in given])
        exact = np.concatenate([value.numpy().astype(np.float64).ravel() for value in reference])
        assert values.shape == exact.shape and np.isfinite(values).all(), (case["name"], values.shape, exact.shape)
        found.append(values)
        residuals.append((exact - values).astype(np.float32))
        states = {name: given[names.index(output)] for name, output, _ in case["states"]}
    return seed, np.array(found), np.array(residuals)


def make(case):
    torch.manual_seed(zlib.crc32(case["name"].encode()) % 2**31)
    module = case["build"]().eval()
    # Before the export, which leaves traces in some modules.
    double = copy.deepcopy(module).double()
    path = FOLDER / f"{case['name']}.onnx"
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        export(case, module, path)
    graph = slim(path)
    seed, found, residuals = evaluate(case, double, path)
    return describe(case, path, graph, seed, found, residuals)


def describe(case, path, graph, seed, found, residuals):
    (FOLDER / f"{case['name']}.expected").write_bytes(
        found.astype("<f4").tobytes() + residuals.astype("<f4").tobytes())
    opset = next(entry.version for entry in graph.opset_import if entry.domain in ("", "ai.onnx"))
    operators = sorted({node.op_type for node in graph.graph.node})
    error = np.abs(residuals).max()
    print(f"{case['name']:32} opset {opset:2} {path.stat().st_size:6} bytes, ort error {error:.1e}, {' '.join(operators)}")
    return dict(name=case["name"], exporter=case["exporter"], opset=opset, seed=seed, center=case["center"], reach=case["reach"],
                outputs=case["outputs"] + [name for _, name, _ in case["states"]],
                states=[[name, output] for name, output, _ in case["states"]], operators=operators)


def write_index(path, index):
    entries = [json.dumps(index[case["name"]]) for case in MODELS if case["name"] in index]
    about = dict(torch=torch.__version__, onnxruntime=onnxruntime.__version__)
    path.write_text('{"made_with": %s, "samples": %d, "episode": %d, "models": [\n%s\n]}\n'
                    % (json.dumps(about), SAMPLES, EPISODE, ",\n".join(entries)))
    return entries


def main():
    torch.set_num_threads(1)
    for family in (activations, arithmetic, norms, reductions, shapes, convolutions, recurrent, attention, stable_baselines,
                   rsl_rl):
        family()
    wanted = sys.argv[1:]
    index = {}
    path = FOLDER / "index.json"
    if path.exists():
        index = {entry["name"]: entry for entry in json.loads(path.read_text())["models"]}
    failed = []
    for case in MODELS:
        if wanted and not any(case["name"].startswith(name) for name in wanted):
            continue
        try:
            index[case["name"]] = make(case)
            write_index(path, index)
        except Exception as error:  # What an exporter cannot do is reported, and the rest goes on.
            failed.append(case["name"])
            print(f"{case['name']:32} FAILED: {type(error).__name__}: {str(error)[:300]}")
    entries = write_index(path, index)
    print(f"{len(entries)} models, {sum(f.stat().st_size for f in FOLDER.iterdir())} bytes; failed: {failed}")


main()
