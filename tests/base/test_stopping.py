import signal
import subprocess
import sys
import time

PROGRAM = """
import signal, sys, time
from multiprocessing import get_context
from pathlib import Path
from braggfill.base.stopping import obey_termination
from braggfill.base.writing import whole_or_nothing

def wait(path):
    obey_termination()
    try:
        with whole_or_nothing(Path(path)) as file:
            file.write(b"half")
            file.flush()
            Path(path + ".begun").touch()
            while True:
                time.sleep(1)
    except BaseException:
        time.sleep(100)  # a library that holds every exception

if __name__ == "__main__":
    obey_termination()
    get_context("spawn").Process(target=wait, args=("child.npz",)).start()
    wait("parent.npz")
"""


def test_termination_is_obeyed_at_once_and_nothing_is_left(tmp_path):
    (tmp_path / "waits.py").write_text(PROGRAM)
    process = subprocess.Popen([sys.executable, "waits.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    begun = [tmp_path / f"{name}.npz.begun" for name in ("child", "parent")]
    while not all(path.exists() for path in begun) and process.poll() is None:
        time.sleep(0.02)
    assert len(list(tmp_path.glob(".*.part"))) == 2
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 143 and "Traceback" not in said
    assert list(tmp_path.glob(".*.part")) == []
