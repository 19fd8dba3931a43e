"""Prints the pip option that adds PyTorch's index of CPU wheels, where that helps: Linux, no NVIDIA driver, and it answers.

Nothing waits for it longer than 3 s, and without it pip simply takes the pinned release from its usual index.
"""

import pathlib
import sys
import urllib.error
import urllib.request

INDEX = "https://download.pytorch.org/whl/cpu"
WAIT_S = 3

if sys.platform == "linux" and not pathlib.Path("/proc/driver/nvidia/version").exists():
    try:
        with urllib.request.urlopen(f"{INDEX}/torch/", timeout=WAIT_S):
            print(f"--extra-index-url {INDEX}")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        print(f"no index of CPU wheels ({error}); taking the usual one", file=sys.stderr)
