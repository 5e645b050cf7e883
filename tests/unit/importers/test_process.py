"""Children with limits: what they print, how they end, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, MissingError, ModelError, UsageError
from edgekit.core.process import OUTPUT_BYTES, Ending, JsonCall, last_line, run, run_json


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_input_and_exit_code_come_back() -> None:
    done = run(python("import sys; print(sys.stdin.read()); print('e', file=sys.stderr); sys.exit(3)"), input=b"in")
    assert (done.stdout, done.stderr, done.exit_code, done.ending) == ("in\n", "e\n", 3, Ending.EXIT)


def test_a_child_that_succeeds_has_no_failure() -> None:
    done = run(["true"])
    assert done.failure("it") is None
    assert done.require("it") is done


def test_time_limit_is_one_sentence() -> None:
    done = run(["sleep", "20"], timeout_s=0.2)
    assert done.ending is Ending.TIME
    assert done.failure("the converter") == "the converter was stopped: it took longer than 0.2 s"
    assert done.seconds < 5


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="memory is read from /proc")
def test_memory_limit_counts_the_whole_group() -> None:
    grow = "x = bytearray(300 << 20); import time; time.sleep(20)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grow!r}])"
    done = run(python(outer), memory_bytes=200 << 20)
    assert done.ending is Ending.MEMORY
    assert done.failure("it") == "it was stopped: it used more than 200.0 MiB of memory"
    assert done.peak_bytes > 200 << 20


def test_a_signal_is_a_crash() -> None:
    done = run(python("import os; os.abort()"))
    assert (done.ending, done.exit_code) == (Ending.SIGNAL, -signal.SIGABRT)
    with pytest.raises(DeviceError, match=r"^the runner crashed \(SIGABRT\)$"):
        done.require("the runner", DeviceError)


def test_grandchildren_die_with_the_child(tmp_path: Path) -> None:
    script = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid)"
    pid = int(run(python(script)).stdout)
    for _ in range(100):
        if not _alive(pid):
            break
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_ctrl_c_kills_the_group_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def interrupt(_: int) -> int:
        if not pid_file.exists() or not pid_file.read_text():
            return 0
        raise KeyboardInterrupt

    monkeypatch.setattr("edgekit.core.process._group_bytes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(python(code))
    assert not _alive(int(pid_file.read_text()))


def test_output_is_bounded_to_its_end() -> None:
    done = run(python("import sys; sys.stdout.write('a' * (6 << 20) + 'end')"))
    assert len(done.stdout) == OUTPUT_BYTES
    assert done.stdout.endswith("aend")


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(MissingError, match="cannot start /no/such/tool: No such file"):
        run(["/no/such/tool"])


def test_last_line_skips_blank_ones_and_is_short() -> None:
    assert last_line("a\nb  \n\n") == "b"
    assert len(last_line("x" * 1000)) == 300
    assert last_line("") == ""


def script(folder: Path, body: str) -> Path:
    path = folder / "work.py"
    path.write_text(body)
    return path


def test_json_goes_in_and_out_and_chatter_does_not(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    body = "def main(request, folder):\n    print('noise')\n    return {'sum': sum(request['n']), 'in': str(folder)}\n"
    result = run_json(JsonCall("it", script(tmp_path, body)), {"n": [1, 2]}, tmp_path)
    assert result == {"sum": 3, "in": str(tmp_path)}
    assert capfd.readouterr().out == ""


def test_an_error_on_purpose_keeps_kind_message_and_hint(tmp_path: Path) -> None:
    body = "from edgekit.core.errors import UsageError\ndef main(*_):\n    raise UsageError('no', 'do so')\n"
    with pytest.raises(UsageError) as caught:
        run_json(JsonCall("it", script(tmp_path, body)), {}, tmp_path)
    assert (caught.value.message, caught.value.hint) == ("no", "do so")


def test_a_returned_error_of_unknown_kind_is_a_model_error(tmp_path: Path) -> None:
    body = "def main(request, folder):\n    return {'error': {'kind': 'Exception', 'message': 'odd'}}\n"
    with pytest.raises(ModelError, match=r"^odd$"):
        run_json(JsonCall("it", script(tmp_path, body)), {}, tmp_path)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("    raise ValueError('boom')", "it failed: ValueError: boom"),
        ("    import os; os.kill(os.getpid(), 11)", r"it crashed \(SIGSEGV\)"),
        ("    import os; os._exit(0)", "it ended without a result"),
        ("    import time; time.sleep(60)", "it was stopped: it took longer than 1 s"),
    ],
)
def test_every_other_end_is_one_sentence(tmp_path: Path, body: str, sentence: str) -> None:
    call = JsonCall("it", script(tmp_path, f"def main(request, folder):\n{body}\n"), timeout_s=1)
    (tmp_path / "result.json").write_text('{"stale": true}')
    with pytest.raises(ModelError, match=f"^{sentence}$"):
        run_json(call, {}, tmp_path)


def test_a_backend_sees_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    body = "import sys\ndef main(request, folder):\n    return {'path': sys.path, 'isolated': sys.flags.isolated}\n"
    result = run_json(JsonCall("it", script(tmp_path, body), python=Path(sys.executable)), {}, tmp_path)
    assert result["isolated"] == 1
    assert str(tmp_path / "elsewhere") not in str(result["path"])


def test_the_child_dies_with_us(tmp_path: Path) -> None:
    body = "import os, time\ndef main(_, folder):\n  (folder / 'pid').write_text(str(os.getpid()))\n  time.sleep(60)\n"
    root = Path(__file__).parents[3]
    outer = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from pathlib import Path\n"
        "from edgekit.core.process import JsonCall, run_json\n"
        f"run_json(JsonCall('it', Path({str(script(tmp_path, body))!r})), {{}}, Path({str(tmp_path)!r}))"
    )
    pid = os.spawnv(os.P_NOWAIT, sys.executable, python(outer))
    for _ in range(500):
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            break
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    inner = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not _alive(inner):
            break
        time.sleep(0.02)
    assert not _alive(inner)
