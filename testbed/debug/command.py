# SPDX-License-Identifier: MIT
"""./bed debug: makes the debug kernels and sees their detectors at work."""

import build
import kernel
from results import PASS

from debug import provoke


def run(stock_names, kind, build_only):
    failed = 0
    for stock in stock_names:
        k = kernel.get(f"{stock}-{kind}")
        print(f"{k.name}: {k.version}, in {k.directory}", flush=True)
        if build_only:
            continue
        for result in provoke.run(k, build.modules(k)):
            reason = f": {result.reason}" if result.reason else ""
            print(f"{result.status} {result.title}{reason}", flush=True)
            if result.status != PASS:
                print(result.detail, flush=True)
                failed += 1
    return 1 if failed else 0
