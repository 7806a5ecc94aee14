"""Runs axe-core on a page, as a screen reader's first critic. https://github.com/dequelabs/axe-core"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest


def violations(page: Any) -> list[str]:
    """Returns "rule: element" of each violation. Through the debugger, because the site's policy allows no scripts."""
    package = find_spec("axe_playwright_python")
    if package is None or package.origin is None:
        pytest.skip("axe-playwright-python is not installed: skipping axe.")
    script = (Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    debugger = page.context.new_cdp_session(page)
    debugger.send("Runtime.evaluate", {"expression": f"{script};0"})
    asked = "axe.run().then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.html)))"
    answer = debugger.send(
        "Runtime.evaluate", {"expression": asked, "awaitPromise": True, "returnByValue": True}
    )
    debugger.detach()
    return list(answer["result"]["value"])
