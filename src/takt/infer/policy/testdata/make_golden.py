#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden_*.json beside itself: small policies with pictures and an instruction, and what they answer.

Straight from the formulas of docs/formats/policy.md in double precision, sharing no code with the runtime:
  python3 make_golden.py
"""
import json
import math
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))


def matrix(rng, rows, cols, scale):
    return [[round(rng.gauss(0, scale), 4) for _ in range(cols)] for _ in range(rows)]


def vector(rng, n, mean, scale):
    return [round(rng.gauss(mean, scale), 4) for _ in range(n)]


def layer(rng, n, cross):
    parts = {}
    for name in ["self_attn"] + (["multihead_attn"] if cross else []):
        parts[name + ".in_proj_weight"] = matrix(rng, 3 * n, n, 0.4)
        parts[name + ".in_proj_bias"] = vector(rng, 3 * n, 0, 0.2)
        parts[name + ".out_proj.weight"] = matrix(rng, n, n, 0.4)
        parts[name + ".out_proj.bias"] = vector(rng, n, 0, 0.2)
    parts["linear1.weight"] = matrix(rng, 4 * n, n, 0.4)
    parts["linear1.bias"] = vector(rng, 4 * n, 0, 0.2)
    parts["linear2.weight"] = matrix(rng, n, 4 * n, 0.3)
    parts["linear2.bias"] = vector(rng, n, 0, 0.2)
    for i in range(1, 4 if cross else 3):
        parts["norm%d.weight" % i] = vector(rng, n, 1, 0.2)
        parts["norm%d.bias" % i] = vector(rng, n, 0, 0.2)
    return parts


def weights(rng, c):
    n, w = c["n_emb"], {}
    picture = c["pictures"][0]
    v, patch = picture["n_emb"], picture["patch_px"]
    cond = sum(c["state_dims"]) + picture["out_dim"] + c["instruction_dim"]
    w["model.pos_emb"] = [matrix(rng, c["horizon"], n, 0.3)]
    w["model.cond_pos_emb"] = [matrix(rng, 1 + c["n_obs_steps"], n, 0.3)]

    def linear(name, out, inner, scale=0.4):
        w[name + ".weight"] = matrix(rng, out, inner, scale)
        w[name + ".bias"] = vector(rng, out, 0, 0.2)

    linear("model.input_emb", n, c["action_dim"])
    linear("model.cond_obs_emb", n, cond)
    if c["n_cond_layers"] == 0:
        linear("model.encoder.0", 4 * n, n)
        linear("model.encoder.2", n, 4 * n)
    for i in range(c["n_cond_layers"]):
        w.update({"model.encoder.layers.%d.%s" % (i, k): x for k, x in layer(rng, n, False).items()})
    for i in range(c["n_layer"]):
        w.update({"model.decoder.layers.%d.%s" % (i, k): x for k, x in layer(rng, n, True).items()})
    w["model.ln_f.weight"], w["model.ln_f.bias"] = vector(rng, n, 1, 0.2), vector(rng, n, 0, 0.2)
    linear("model.head", c["action_dim"], n)
    for what, dim in (("action", c["action_dim"]), ("state", sum(c["state_dims"]))):
        w["normalizer.%s.scale" % what] = [round(abs(x) + 0.5, 4) for x in vector(rng, dim, 0, 1)]
        w["normalizer.%s.offset" % what] = vector(rng, dim, 0, 1)
    linear("vision.0.patch", v, 3 * patch * patch, 0.1)
    w["vision.0.pos_emb"] = matrix(rng, (picture["width_px"] // patch) * (picture["height_px"] // patch), v, 0.3)
    for i in range(picture["n_layer"]):
        w.update({"vision.0.layers.%d.%s" % (i, k): x for k, x in layer(rng, v, False).items()})
    w["vision.0.norm.weight"], w["vision.0.norm.bias"] = vector(rng, v, 1, 0.2), vector(rng, v, 0, 0.2)
    if picture["n_query"]:
        w["vision.0.queries"] = matrix(rng, picture["n_query"], v, 1)
    linear("vision.0.proj", picture["out_dim"], max(picture["n_query"], 1) * v)
    # Only the bytes that occur are stored; the others are zero.
    w["instruction.bytes"] = {str(b): vector(rng, c["instruction_dim"], 0, 1) for b in sorted(set(c_instruction().encode()))}
    w["instruction.pos_emb"] = matrix(rng, c["instruction_bytes"], c["instruction_dim"], 0.3)
    linear("instruction.proj", c["instruction_dim"], c["instruction_dim"])
    return w


def c_instruction():
    return "pick it up"


def apply(w, name, x):
    return [[b + sum(p * q for p, q in zip(r, row)) for r, b in zip(w[name + "weight"], w[name + "bias"])] for row in x]


def norm(w, name, x):
    out = []
    for row in x:
        mean = sum(row) / len(row)
        var = sum((v - mean) ** 2 for v in row) / len(row)
        out.append([(v - mean) / math.sqrt(var + 1e-5) * g + b for v, g, b in zip(row, w[name + "weight"], w[name + "bias"])])
    return out


def gelu(x):
    return [[0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in row] for row in x]


def mish(x):
    return [[v * math.tanh(math.log1p(math.exp(v))) for v in row] for row in x]


def add(a, b):
    return [[p + q for p, q in zip(r, s)] for r, s in zip(a, b)]


def attend(w, name, x, memory, heads, sees):
    n = len(x[0])
    d = n // heads

    def part(i, rows):
        return apply({"weight": w[name + "in_proj_weight"][i * n:(i + 1) * n], "bias": w[name + "in_proj_bias"][i * n:(i + 1) * n]}, "", rows)

    q, k, v = part(0, x), part(1, memory), part(2, memory)
    out = []
    for t in range(len(x)):
        row = []
        for h in range(heads):
            here = slice(h * d, (h + 1) * d)
            scores = {s: math.exp(sum(a * b for a, b in zip(q[t][here], k[s][here])) / math.sqrt(d)) for s in range(len(memory)) if sees(t, s)}
            total = sum(scores.values())
            for i in range(h * d, (h + 1) * d):
                row.append(sum(p * v[s][i] for s, p in scores.items()) / total)
        out.append(row)
    return apply(w, name + "out_proj.", out)


def encoder_layer(w, p, x, heads):
    n = norm(w, p + "norm1.", x)
    x = add(x, attend(w, p + "self_attn.", n, n, heads, lambda t, s: True))
    return add(x, apply(w, p + "linear2.", gelu(apply(w, p + "linear1.", norm(w, p + "norm2.", x)))))


def encode(w, c, state, pixels, instruction):
    out = [x * s + o for x, s, o in zip(state, w["normalizer.state.scale"], w["normalizer.state.offset"])]
    picture = c["pictures"][0]
    side, width = picture["patch_px"], picture["width_px"]
    rows = []
    for py in range(picture["height_px"] // side):
        for px in range(width // side):
            rows.append([pixels[((py * side + y) * width + px * side + x) * 3 + ch] / 255 * 2 - 1
                         for y in range(side) for x in range(side) for ch in range(3)])
    x = add(apply(w, "vision.0.patch.", rows), w["vision.0.pos_emb"])
    for i in range(picture["n_layer"]):
        x = encoder_layer(w, "vision.0.layers.%d." % i, x, picture["n_head"])
    x = norm(w, "vision.0.norm.", x)
    pooled = []
    for query in w.get("vision.0.queries", [[0] * len(x[0])]):
        scores = [math.exp(sum(a * b for a, b in zip(query, row)) / math.sqrt(len(row))) for row in x]
        pooled += [sum(s * v for s, v in zip(scores, col)) / sum(scores) for col in zip(*x)]
    out += apply(w, "vision.0.proj.", [pooled])[0]
    data = instruction.encode()[:c["instruction_bytes"]]
    mean = [sum(math.tanh(w["instruction.bytes"][str(b)][d] + w["instruction.pos_emb"][i][d]) for i, b in enumerate(data)) / len(data)
            for d in range(c["instruction_dim"])]
    return out + apply(w, "instruction.proj.", [mean])[0]


def predict(w, c, sample, time, cond):
    n, half = c["n_emb"], c["n_emb"] // 2
    f = [math.exp(-math.log(10000) * i / (half - 1)) for i in range(half)]
    memory = [[math.sin(time * a) for a in f] + [math.cos(time * a) for a in f]] + apply(w, "model.cond_obs_emb.", cond)
    memory = add(memory, w["model.cond_pos_emb"][0])
    if c["n_cond_layers"] == 0:
        memory = apply(w, "model.encoder.2.", mish(apply(w, "model.encoder.0.", memory)))
    for i in range(c["n_cond_layers"]):
        memory = encoder_layer(w, "model.encoder.layers.%d." % i, memory, c["n_head"])
    x = add(apply(w, "model.input_emb.", sample), w["model.pos_emb"][0])
    causal = c["causal_attn"]
    for i in range(c["n_layer"]):
        p = "model.decoder.layers.%d." % i
        y = norm(w, p + "norm1.", x)
        x = add(x, attend(w, p + "self_attn.", y, y, c["n_head"], lambda t, s: s <= t or not causal))
        x = add(x, attend(w, p + "multihead_attn.", norm(w, p + "norm2.", x), memory, c["n_head"], lambda t, s: s <= t + 1 or not causal))
        x = add(x, apply(w, p + "linear2.", gelu(apply(w, p + "linear1.", norm(w, p + "norm3.", x)))))
    return apply(w, "model.head.", norm(w, "model.ln_f.", x))


def main():
    for name, cond_layers, causal, queries in (("tokenwise", 0, True, 0), ("condlayers", 1, False, 3)):
        rng = random.Random(name)
        c = {"kind": "dp-t", "schema": [1, 0], "state_keys": ["observation.state"], "state_dims": [3],
             "pictures": [{"key": "observation.images.front", "width_px": 8, "height_px": 4, "patch_px": 4,
                           "n_emb": 8, "n_head": 2, "n_layer": 1, "n_query": queries, "out_dim": 3}],
             "instruction_bytes": 6, "instruction_dim": 2, "action_dim": 2, "horizon": 5, "n_obs_steps": 2, "n_action_steps": 3,
             "n_emb": 8, "n_head": 2, "n_layer": 1, "n_cond_layers": cond_layers, "causal_attn": causal}
        w = weights(rng, c)
        states = matrix(rng, 2, 3, 1)
        pixels = [[rng.randrange(256) for _ in range(8 * 4 * 3)] for _ in range(2)]
        sample = matrix(rng, 5, 2, 1)
        cond = [encode(w, c, s, p, c_instruction()) for s, p in zip(states, pixels)]
        answers = [{"time": t, "answer": predict(w, c, sample, t, cond)} for t in (0, 7, 99)]
        golden = {"config": c, "weights": w, "states": states, "pixels": pixels, "instruction": c_instruction(), "sample": sample,
                  "condition": cond, "answers": answers}
        with open(os.path.join(HERE, "golden_%s.json" % name), "w", encoding="utf-8") as file:
            json.dump(golden, file, separators=(",", ":"))
            file.write("\n")


main()
