"""Bodies are read by shapes whose types are known before there are threads.

msgspec reads a struct's types at its first conversion. Two threads that are the first to do so together
read what the other has not finished, and the process dies (SIGSEGV, seen once in six tries with eight
threads): so no first conversion may be left for a request.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import importlib, sys, msgspec

def reads_types(shape):
    seen = []
    sys.setprofile(lambda frame, event, arg: seen.append(frame.f_code.co_name))
    try:
        msgspec.convert({}, shape)
    except msgspec.ValidationError:
        pass
    finally:
        sys.setprofile(None)
    return "get_class_annotations" in seen

class Fresh(msgspec.Struct):
    n: int

assert reads_types(Fresh) and not reads_types(Fresh), "msgspec does it in another way now: look again"
module = importlib.import_module(sys.argv[1])
shapes = [
    one for one in vars(module).values()
    if isinstance(one, type) and issubclass(one, msgspec.Struct) and one.__module__ == module.__name__
    and one.__struct_fields__
]
assert len(shapes) > 3
late = [shape.__name__ for shape in shapes if reads_types(shape)]
assert not late, late
"""


@pytest.mark.parametrize("module", ["alerts.schemas", "trailers.schemas"])
def test_no_first_conversion_is_left_for_a_request(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, module], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
