#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes updates.json: similarity matrices and the best update steps, found by trying all of them.

python3 make_updates.py > updates.json
"""
import itertools
import json
import math


def vectors(steps, seed):
    """A curve that turns at a changing speed, as the output of a block does over denoising steps."""
    angle, out = 0.0, []
    for k in range(steps):
        angle += 0.05 + 0.4 * math.exp(-((k - 3 - seed) / 2.0) ** 2) + 0.1 * math.sin(1.7 * k + seed) ** 2
        out.append((math.cos(angle), math.sin(angle), 0.3 * math.cos(2.3 * angle + seed)))
    return out


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


cases = []
for steps, updates, seed in [(6, 2, 0), (9, 3, 1), (13, 4, 2), (16, 5, 3)]:
    v = vectors(steps, seed)
    s = [[1.0 if a == t else round(cosine(v[a], v[t]), 5) for t in range(steps)] for a in range(steps)]

    def value(rest):
        cuts = [0, *rest, steps]
        return sum(s[a][t] for a, e in zip(cuts, cuts[1:]) for t in range(a, e))

    best = max(itertools.combinations(range(1, steps), updates - 1), key=value)
    cases.append({"K": steps, "updates": updates, "similarity": s, "steps": [0, *best], "value": value(best)})
print(json.dumps(cases, separators=(",", ":")).replace("]],", "]],\n").replace("}, {", "},\n{"))
