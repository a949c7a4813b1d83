#!/usr/bin/env python3
"""Runs the program `lockstep` as a user does. Usage: launch.py LOCKSTEP_PROGRAM EXCHANGE_PROGRAM [EXCHANGE_TCP_PROGRAM].
Prints TAP.

The ranks are small shell or Python scripts, or the program exchange.cpp, which uses the library, over shared memory or,
where OpenSSL is there to build it, over TCP. Deadlines are generous, for busy machines; a hang still fails."""

import hashlib
import hmac
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tap

LOCKSTEP = EXCHANGE = EXCHANGE_TCP = ""
DEADLINE = 60  # seconds for any one run
OWN_VARIABLES = re.compile("LOCKSTEP_|RANK$|WORLD_SIZE$|LOCAL_|GROUP_|MASTER_|TORCHELASTIC_|OMPI_|PMI|MPI_|SLURM_|OMP_")


def environment(**changes):
    """The environment without any launcher's variables, and with `changes`."""
    plain = {name: value for name, value in os.environ.items() if not OWN_VARIABLES.match(name)}
    return {**plain, **changes}


def run(*arguments, **options):
    options.setdefault("env", environment())
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([LOCKSTEP, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE, **options)


def launch(ranks, script, *options, **keywords):
    """Runs a shell script as every rank."""
    return run("launch", "-n", ranks, *options, "--", "sh", "-c", script, **keywords)


def start(ranks, script, *options, **keywords):
    return subprocess.Popen([LOCKSTEP, "launch", "-n", str(ranks), *options, "--", "sh", "-c", script],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=environment(), **keywords)


class Secret:
    """A job secret, made by the program itself, and the options of the hosts that share it."""

    def __init__(self, test):
        self.folder = tempfile.TemporaryDirectory()
        test.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "job.secret")
        made = run("secret", self.path)
        test.assertEqual(made.returncode, 0, made.stderr)
        with open(self.path, "rb") as file:
            self.bytes = file.read()

    def options(self, node, nodes=2, address="127.0.0.1"):
        return ["--nnodes", str(nodes), "--node-rank", str(node), "--master-addr", address, "--secret-file", self.path]

    def job_id(self, address="127.0.0.1", port=29500, job="", restart=0):
        text = f"lockstep job\n{address}\n{port}\n{job}\n{restart}".encode()
        return hmac.new(self.bytes, text, hashlib.sha256).hexdigest()[:32]


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, message):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(message)
        time.sleep(0.01)


def read_pids(process, count):
    """The numbers that ranks print in their first lines, by rank."""
    pids = {}
    for _ in range(count):
        line = process.stdout.readline().strip()
        rank = re.match(r"\[rank (\d+)\] ", line)
        pids[int(rank[1]) if rank else 0] = int(line.split()[-1])
    return pids


def summary(result_or_text):
    text = result_or_text if isinstance(result_or_text, str) else result_or_text.stderr
    return [line for line in text.splitlines() if line.startswith("lockstep launch: ") and "warning" not in line]


class RanksAndVariables(unittest.TestCase):
    def test_every_rank_runs_once_and_knows_its_place(self):
        result = launch(3, 'echo "$LOCKSTEP_RANK $LOCKSTEP_WORLD_SIZE $LOCKSTEP_LOCAL_RANK $LOCKSTEP_LOCAL_WORLD_SIZE"')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(result.stdout.splitlines()), ["0 3 0 3", "[rank 1] 1 3 1 3", "[rank 2] 2 3 2 3"])
        self.assertEqual(summary(result), [])

    def test_torchrun_style_programs_find_their_variables(self):
        result = launch(2, 'echo "$RANK $WORLD_SIZE $LOCAL_RANK $LOCAL_WORLD_SIZE $MASTER_ADDR $MASTER_PORT"')
        lines = sorted(line.removeprefix("[rank 1] ").split() for line in result.stdout.splitlines())
        self.assertEqual([line[:5] for line in lines], [["0", "2", "0", "2", "127.0.0.1"], ["1", "2", "1", "2", "127.0.0.1"]])
        self.assertEqual(lines[0][5], lines[1][5])
        self.assertTrue(0 < int(lines[0][5]) < 65536)

    def test_ranks_share_a_job_id_and_jobs_do_not(self):
        ids = []
        for _ in range(2):
            result = launch(2, 'echo "$LOCKSTEP_JOB_ID"')
            found = {line.removeprefix("[rank 1] ") for line in result.stdout.splitlines()}
            self.assertEqual(len(found), 1)
            ids += found
        self.assertNotEqual(ids[0], ids[1])
        self.assertRegex(ids[0], "^[0-9a-f]{32}$")

    def test_variables_of_an_outer_launcher_are_replaced(self):
        outer = environment(RANK="7", WORLD_SIZE="9", LOCKSTEP_RANK="5", LOCKSTEP_JOB_ID="x", MASTER_ADDR="far")
        result = launch(1, 'env | grep -E "^(RANK|WORLD_SIZE|LOCKSTEP_RANK|LOCKSTEP_JOB_ID|MASTER_ADDR)="', env=outer)
        self.assertEqual(len(result.stdout.splitlines()), 5)
        for line in ("RANK=0", "WORLD_SIZE=1", "LOCKSTEP_RANK=0", "MASTER_ADDR=127.0.0.1"):
            self.assertIn(line, result.stdout.splitlines())
        self.assertNotIn("LOCKSTEP_JOB_ID=x", result.stdout)

    def test_each_of_several_ranks_has_one_openmp_thread_unless_told_otherwise(self):
        show = 'echo "${OMP_NUM_THREADS-unset}"'
        self.assertIn("[rank 1] 1", launch(2, show).stdout.splitlines())
        self.assertIn("[rank 1] 3", launch(2, show, env=environment(OMP_NUM_THREADS="3")).stdout.splitlines())
        self.assertEqual(launch(1, show).stdout, "unset\n")

    def test_the_secret_is_32_private_bytes_the_same_for_all_ranks_and_in_no_argument(self):
        script = ('stat -L -c "%s %a" "$LOCKSTEP_SECRET_FILE"; od -An -v -tx1 "$LOCKSTEP_SECRET_FILE" | tr -d " \\n"; echo; '
                  '(echo x >"$LOCKSTEP_SECRET_FILE") 2>/dev/null && echo written; '
                  'tr "\\0" " " </proc/$PPID/cmdline; echo; tr "\\0" "\\n" </proc/self/environ')
        lines = launch(2, script).stdout.splitlines()
        first = [line for line in lines if not line.startswith("[rank 1] ")]
        second = [line.removeprefix("[rank 1] ") for line in lines if line.startswith("[rank 1] ")]
        self.assertEqual(first[0], "32 600")
        self.assertRegex(first[1], "^[0-9a-f]{64}$")
        self.assertEqual(first[1], second[1])
        self.assertNotIn("written", lines)
        self.assertNotIn(first[1], "\n".join(first[2:]))
        self.assertNotEqual(launch(1, script).stdout.splitlines()[1], first[1])

    def test_arguments_of_the_program_are_its_own(self):
        show = ["sh", "-c", 'printf "%s|" "$0" "$@"; echo']
        for mark in ([], ["--"]):
            result = run("launch", "-n", 1, *mark, *show, "-n", "5", "--", "--help", "", "a b")
            self.assertEqual(result.stdout, "-n|5|--|--help||a b|\n")

    def test_ranks_inherit_no_descriptor_of_the_launcher(self):
        result = launch(2, "ls /proc/self/fd | wc -l")
        self.assertEqual(sorted(result.stdout.split()), sorted(["4", "[rank", "1]", "4"]))  # 0, 1, 2 and ls's own


class ExitStatus(unittest.TestCase):
    def test_the_status_of_the_rank_that_failed(self):
        result = launch(3, "exit $((RANK == 1 ? 42 : 0))")
        self.assertEqual(result.returncode, 42)
        self.assertEqual(len(summary(result)), 1)
        self.assertRegex(summary(result)[0], r"^lockstep launch: rank 1 \(pid \d+\) failed with exit status 42")

    def test_a_signal_gives_128_and_its_number(self):
        result = launch(1, "kill -SEGV $$")
        self.assertEqual(result.returncode, 128 + signal.SIGSEGV)
        self.assertRegex(summary(result)[0], r"rank 0 \(pid \d+\) was killed by signal 11 \(Segmentation fault\)")

    def test_a_rank_that_ends_well_does_not_end_the_others(self):
        result = launch(2, '[ $RANK = 0 ] || { sleep 1; echo late; }')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "[rank 1] late\n")

    def test_the_first_rank_to_fail_is_named_even_if_the_others_fail_at_once(self):
        # Ranks 0 and 2 fail as soon as they see the end of rank 1, as the ranks of a collective do.
        script = """
import os, signal, sys, time
rank = int(os.environ["RANK"])
path = sys.argv[1]
if rank == 1:
    hold = os.open(path, os.O_WRONLY)   # opens when both readers are there, too
    keep = os.open(path + "2", os.O_WRONLY)
    os.kill(os.getpid(), signal.SIGKILL)
with open(path + ("2" if rank == 2 else ""), "rb") as pipe:
    pipe.read()
os._exit(1)
"""
        for _ in range(20):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "fifo")
                os.mkfifo(path)
                os.mkfifo(path + "2")
                result = run("launch", "-n", 3, sys.executable, "-S", "-c", script, path)
            self.assertEqual(result.returncode, 137, result.stderr)
            self.assertRegex(summary(result)[0], r"rank 1 \(pid \d+\) was killed by signal 9 \(Killed\)")

    def test_a_time_limit_beyond_all_time(self):
        for limit in ("1e300", "inf"):
            self.assertEqual(launch(1, "true", "--timeout", limit, "--grace", limit).returncode, 0)

    def test_the_time_limit(self):
        begin = time.monotonic()
        result = launch(2, "[ $RANK = 0 ] || sleep 1000", "--timeout", "1")
        self.assertEqual(result.returncode, 124)
        self.assertEqual(summary(result), ["lockstep launch: the time limit of 1 s passed; ended the ranks still running: 1"])
        self.assertTrue(1 <= time.monotonic() - begin < 30)


class WrongUse(unittest.TestCase):
    def check(self, arguments, status, *texts):
        result = run(*arguments)
        self.assertEqual(result.returncode, status, (arguments, result.stderr))
        self.assertEqual(result.stdout, "")
        for text in texts:
            self.assertIn(text, result.stderr)

    def test_numbers_of_ranks_that_make_no_sense(self):
        for number in ("0", "-1", "1025"):
            self.check(["launch", "-n", number, "true"], 2, "-n must be from 1 to 1024", f"got {number}")
        for number in ("x", "1.5", "99999999999"):
            self.check(["launch", "-n", number, "true"], 2, number)
        self.check(["launch", "true"], 2, "-n is missing", "lockstep launch -n 2 ./train")

    def test_other_options_that_make_no_sense(self):
        self.check(["launch", "-n", "1", "--timeout", "-1", "true"], 2, "--timeout", "-1")
        self.check(["launch", "-n", "1", "--grace", "-1", "true"], 2, "--grace", "-1")
        self.check(["launch", "-n", "1", "--grace", "nan", "true"], 2, "--grace", "nan")
        self.check(["launch", "-n", "1", "--bogus", "true"], 2, "unknown option '--bogus'")
        self.check(["launch", "--bogus"], 2, "unknown option '--bogus'")
        self.check(["launch", "-n", "1"], 2, "no program to run")
        self.check(["launch", "-n", "1", "--"], 2, "no program to run")
        self.check([], 2, "subcommand")
        self.check(["lunch", "-n", "1", "true"], 2, "unknown command 'lunch'", "launch")

    def test_programs_that_cannot_be_started(self):
        self.check(["launch", "-n", "2", "no-such-program-here"], 127, "'no-such-program-here': no such program in PATH")
        self.check(["launch", "-n", "2", "./no/such"], 127, "'./no/such': no such program")
        with tempfile.TemporaryDirectory() as folder:
            plain = os.path.join(folder, "plain")
            with open(plain, "w", encoding="utf-8") as file:
                file.write("#!/no/such/interpreter\n")
            self.check(["launch", "-n", "2", plain], 126, plain, "not an executable file")
            self.check(["launch", "-n", "2", folder], 126, folder, "not an executable file")
            os.chmod(plain, 0o755)
            self.check(["launch", "-n", "2", plain], 127, plain, "interpreter")
            result = run("launch", "-n", "2", "plain", cwd=folder)
            self.assertIn("did you mean ./plain?", result.stderr)

    def test_a_log_directory_that_cannot_be_made(self):
        self.check(["launch", "-n", "1", "--log-dir", "/dev/null/logs", "true"], 1, "/dev/null/logs")

    def test_more_ranks_than_cores_is_a_warning(self):
        cores = len(os.sched_getaffinity(0))
        result = launch(cores + 1, "true")
        self.assertEqual(result.returncode, 0)
        self.assertIn(f"warning: {cores + 1} ranks on {cores} core", result.stderr)
        self.assertEqual(launch(cores, "true").stderr, "")

    def test_help_and_version(self):
        self.assertRegex(run("--version").stdout, r"^lockstep \d+\.\d+\.\d+\n$")
        self.assertIn("lockstep launch -n 4 ./train", run("--help").stdout)
        self.assertIn("--timeout", run("launch", "--help").stdout)


class Signals(unittest.TestCase):
    def test_signals_are_passed_on_and_ranks_may_end_in_peace(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            name = number.name.removeprefix("SIG")
            process = start(2, f'trap "echo saved; exit 0" {name}; echo $$; while :; do sleep 0.05; done')
            read_pids(process, 2)
            process.send_signal(number)
            output, error = process.communicate(timeout=DEADLINE)
            self.assertEqual(process.returncode, 0, error)
            self.assertEqual(sorted(output.splitlines()), ["[rank 1] saved", "saved"])
            self.assertEqual(len(summary(error)), 1)
            self.assertIn(f"passed on signal {int(number)}", error)

    def test_ranks_that_do_not_handle_the_signal_give_their_status(self):
        process = start(2, "echo $$; exec sleep 1000")
        read_pids(process, 2)
        process.terminate()
        _, error = process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertRegex(summary(error)[0], r"passed on signal 15 .* rank \d \(pid \d+\) was killed by signal 15")

    def test_ranks_that_ignore_the_signal_are_killed_after_the_grace_time(self):
        process = start(2, 'trap "" TERM; echo $$; while :; do sleep 0.05; done', "--grace", "0.5")
        pids = read_pids(process, 2)
        process.terminate()
        process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 137)
        self.assertFalse(any(map(is_alive, pids.values())))

    def test_a_second_signal_kills_at_once(self):
        process = start(2, 'trap "echo heard" INT; echo $$; while :; do sleep 0.05; done', "--grace", "1000")
        read_pids(process, 2)
        process.send_signal(signal.SIGINT)
        self.assertIn("heard", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 137)

    def test_user_signals_are_passed_on_and_end_nothing(self):
        process = start(2, 'trap "echo user; exit 0" USR1; echo $$; while :; do sleep 0.05; done')
        read_pids(process, 2)
        process.send_signal(signal.SIGUSR1)
        output, error = process.communicate(timeout=DEADLINE)
        self.assertEqual((process.returncode, summary(error)), (0, []))
        self.assertEqual(sorted(output.splitlines()), ["[rank 1] user", "user"])

    def test_a_stopped_launcher_stops_its_ranks(self):
        process = start(1, "echo $$; while :; do :; done")
        pid = read_pids(process, 1)[0]

        def state(number):
            with open(f"/proc/{number}/stat", encoding="utf-8") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0]

        process.send_signal(signal.SIGTSTP)
        wait_until(lambda: state(pid) == "T" and state(process.pid) == "T", "did not stop")
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: state(pid) != "T" and state(process.pid) != "T", "did not go on")
        process.terminate()
        process.communicate(timeout=DEADLINE)


class NothingIsLeftBehind(unittest.TestCase):
    def test_a_killed_rank_ends_the_job_and_is_named(self):
        process = start(3, "echo $$; exec sleep 1000")
        pids = read_pids(process, 3)
        os.kill(pids[2], signal.SIGKILL)
        begin = time.monotonic()
        _, error = process.communicate(timeout=DEADLINE)
        self.assertLess(time.monotonic() - begin, 8)  # the grace time is 10 s: nobody needed it
        self.assertEqual(process.returncode, 137)
        self.assertEqual(summary(error), [f"lockstep launch: rank 2 (pid {pids[2]}) was killed by signal 9 (Killed); "
                                          "2 other ranks were still running and were ended"])
        self.assertFalse(any(map(is_alive, pids.values())))

    def test_a_stopped_rank_is_ended_as_well(self):
        process = start(2, "echo $$; exec sleep 1000")
        pids = read_pids(process, 2)
        os.kill(pids[0], signal.SIGSTOP)
        os.kill(pids[1], signal.SIGKILL)
        process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 137)
        self.assertFalse(is_alive(pids[0]))

    def test_what_a_rank_started_ends_with_it(self):
        process = start(2, '[ $RANK = 1 ] && sleep 1 && exit 3; sleep 1000 & echo $!; [ $RANK = 0 ] && wait')
        child = int(process.stdout.readline())
        process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 3)
        wait_until(lambda: not is_alive(child), "a process of a rank is left")

    def test_a_background_process_does_not_keep_the_job_alive(self):
        result = launch(1, "sleep 1000 & echo $!")
        self.assertEqual(result.returncode, 0)
        wait_until(lambda: not is_alive(int(result.stdout)), "a process of a rank is left")

    def test_ranks_die_with_the_launcher(self):
        process = start(2, 'trap "" TERM; echo $$; while :; do sleep 0.05; done')
        pids = read_pids(process, 2)
        process.kill()
        process.communicate(timeout=DEADLINE)
        wait_until(lambda: not any(map(is_alive, pids.values())), "ranks outlive their launcher")

    def test_a_rank_that_cannot_be_started_takes_the_started_ones_along(self):
        # The program removes itself: rank 0 runs, a later one finds nothing.
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "once")
            with open(program, "w", encoding="utf-8") as file:
                file.write(f'#!/bin/sh\nrm "$0"\necho $$ >{folder}/pid.$$\nexec sleep 1000\n')
            os.chmod(program, 0o755)
            result = run("launch", "-n", "300", program)
            self.assertEqual(result.returncode, 127, result.stderr)
            started = [int(name.split(".")[1]) for name in os.listdir(folder) if name.startswith("pid.")]
            self.assertFalse(any(map(is_alive, started)))


class Output(unittest.TestCase):
    def test_lines_are_prefixed_and_never_torn(self):
        count = 2000
        script = f"""
import os
rank = os.environ["RANK"]
for i in range({count}):
    os.write(1, f"{{rank}}:{{i}}:".encode())
    os.write(1, b"x" * (i % 97) + b"\\n")
"""
        result = run("launch", "-n", 3, sys.executable, "-S", "-c", script)
        self.assertEqual(result.returncode, 0, result.stderr)
        by_rank = {0: [], 1: [], 2: []}
        for line in result.stdout.splitlines():
            prefix = re.match(r"\[rank (\d)\] ", line)
            by_rank[int(prefix[1]) if prefix else 0].append(line[prefix.end():] if prefix else line)
        for rank, lines in by_rank.items():
            self.assertEqual(lines, [f"{rank}:{i}:" + "x" * (i % 97) for i in range(count)])

    def test_standard_error_stays_apart(self):
        result = launch(2, "echo out; echo err >&2")
        self.assertEqual(sorted(result.stdout.splitlines()), ["[rank 1] out", "out"])
        self.assertEqual(sorted(result.stderr.splitlines()), ["[rank 1] err", "err"])

    def test_a_last_line_without_a_line_feed_and_very_long_lines_arrive(self):
        self.assertEqual(launch(1, "printf tail").stdout, "tail\n")
        result = run("launch", "-n", 1, sys.executable, "-S", "-c", "print('y' * 3000000)")
        self.assertEqual(result.stdout.count("y"), 3000000)

    def test_output_written_just_before_death_arrives(self):
        result = launch(2, 'echo last words of $RANK; [ $RANK = 0 ] || kill -9 $$')
        self.assertIn("[rank 1] last words of 1", result.stdout.splitlines())

    def test_a_reader_that_leaves_does_not_end_the_job(self):
        with tempfile.TemporaryDirectory() as folder:
            process = start(2, f'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo x >{folder}/$RANK')
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual(process.wait(timeout=DEADLINE), 0)
            process.stderr.close()
            self.assertEqual(sorted(os.listdir(folder)), ["0", "1"])

    def test_a_reader_that_pauses_does_not_keep_a_job_from_being_ended(self):
        process = start(2, "while :; do echo 0123456789012345678901234567890123456789; done")
        time.sleep(1)  # all pipes are full by now
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        self.assertNotEqual(process.wait(timeout=DEADLINE), 0)
        process.stdout.close()
        process.stderr.close()

    def test_standard_input_goes_to_rank_0_only(self):
        result = subprocess.run([LOCKSTEP, "launch", "-n", "2", "cat"], input="one\ntwo\n", capture_output=True, text=True,
                                timeout=DEADLINE, env=environment())
        self.assertEqual((result.returncode, result.stdout), (0, "one\ntwo\n"))

    def test_logs_hold_what_each_rank_wrote(self):
        with tempfile.TemporaryDirectory() as folder:
            logs = os.path.join(folder, "logs")
            result = launch(2, "echo out $RANK; echo err >&2; printf end", "--log-dir", logs)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(sorted(os.listdir(logs)), ["rank-0.log", "rank-1.log"])
            for rank in (0, 1):
                with open(os.path.join(logs, f"rank-{rank}.log"), encoding="utf-8") as log:
                    text = log.read()
                for part in (f"out {rank}\n", "err\n", "end"):
                    self.assertIn(part, text)
                self.assertNotIn("[rank", text)
            self.assertIn("[rank 1] out 1", result.stdout.splitlines())

    def test_rank_0_keeps_the_terminal(self):
        terminal, other_end = pty.openpty()
        script = 'if [ -t 1 ]; then printf "terminal %s\\r" $RANK; else echo pipe $RANK; fi'
        process = subprocess.Popen([LOCKSTEP, "launch", "-n", "2", "sh", "-c", script], stdin=other_end, stdout=other_end,
                                   stderr=other_end, env=environment())
        os.close(other_end)
        self.assertEqual(process.wait(timeout=DEADLINE), 0)
        text = b""
        while select.select([terminal], [], [], 0)[0]:
            try:
                text += os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
        os.close(terminal)
        self.assertIn(b"terminal 0\r", text)
        self.assertIn(b"[rank 1] pipe 1", text)

    def test_closed_standard_streams_do_no_harm(self):
        result = subprocess.run(["sh", "-c", '"$0" launch -n 2 sh -c "echo \\$RANK" <&- 2>&-', LOCKSTEP],
                                stdout=subprocess.PIPE, text=True, timeout=DEADLINE, env=environment())
        self.assertEqual((result.returncode, sorted(result.stdout.splitlines())), (0, ["0", "[rank 1] 1"]))


class Environment(unittest.TestCase):
    def report(self, result):
        """Names to pairs of value and origin."""
        self.assertEqual(result.returncode, 0, result.stderr)
        found = {}
        for line in result.stdout.splitlines():
            name, value, origin = re.fullmatch(r"([a-z ]+): +(.*?)(?:  \((.*)\))?", line).groups()
            found[name] = (value, origin)
        return found

    def test_without_a_launcher(self):
        found = self.report(run("env"))
        self.assertEqual(found["launcher"], ("none", None))
        for name, value in {"rank": "0", "world size": "1", "node rank": "0", "node count": "1", "restart count": "0",
                            "master address": "none", "master port": "none", "secret file": "none"}.items():
            self.assertEqual(found[name], (value, None), name)
        self.assertEqual(int(found["cores"][0]), len(os.sched_getaffinity(0)))
        self.assertEqual(found["host"], (os.uname().nodename, None))

    def test_under_lockstep_launch(self):
        result = run("launch", "-n", 2, LOCKSTEP, "env")
        lines = result.stdout.splitlines()
        names = {line.removeprefix("[rank 1] ") for line in lines if "rendezvous:" in line}
        self.assertEqual(len(names), 1)  # both ranks meet there
        result.stdout = "".join(line.removeprefix("[rank 1] ") + "\n" for line in lines if line.startswith("[rank 1] "))
        found = self.report(result)
        for name, pair in {"launcher": ("lockstep", None), "rank": ("1", "LOCKSTEP_RANK"),
                           "world size": ("2", "LOCKSTEP_WORLD_SIZE"), "node count": ("1", "LOCKSTEP_NODE_COUNT"),
                           "restart count": ("0", "LOCKSTEP_RESTART_COUNT"),
                           "master address": ("127.0.0.1", "MASTER_ADDR")}.items():
            self.assertEqual(found[name], pair)
        self.assertEqual(found["secret file"][1], "LOCKSTEP_SECRET_FILE")

    def test_under_another_launcher(self):
        torchrun = environment(RANK="3", WORLD_SIZE="4", LOCAL_RANK="1", LOCAL_WORLD_SIZE="2", MASTER_ADDR="h",
                               MASTER_PORT="29500", TORCHELASTIC_USE_AGENT_STORE="True", GROUP_RANK="1",
                               GROUP_WORLD_SIZE="2", TORCHELASTIC_RESTART_COUNT="5")
        found = self.report(run("env", env=torchrun))
        for name, pair in {"launcher": ("torchrun", None), "rank": ("3", "RANK"), "local rank": ("1", "LOCAL_RANK"),
                           "node rank": ("1", "GROUP_RANK"), "node count": ("2", "GROUP_WORLD_SIZE"),
                           "restart count": ("5", "TORCHELASTIC_RESTART_COUNT"), "master address": ("h", "MASTER_ADDR"),
                           "master port": ("29500, taken by the launcher", "MASTER_PORT")}.items():
            self.assertEqual(found[name], pair)

    def test_what_a_launcher_does_not_tell(self):
        hydra = environment(PMI_RANK="3", PMI_SIZE="4", MPI_LOCALRANKID="1", MPI_LOCALNRANKS="2")
        found = self.report(run("env", env=hydra))
        self.assertEqual(found["node rank"], ("unknown", None))
        self.assertEqual(found["node count"], ("unknown", None))
        self.assertEqual(found["master address"], ("none", None))
        self.assertTrue(found["job id"][0].endswith(", on this host only"))

    def test_contradictions_are_explained(self):
        result = run("env", env=environment(RANK="4", WORLD_SIZE="4", LOCAL_RANK="0", LOCAL_WORLD_SIZE="4"))
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn('RANK="4"', result.stderr)
        self.assertIn('WORLD_SIZE="4"', result.stderr)
        result = run("env", env=environment(RANK="0", WORLD_SIZE="4", LOCAL_RANK="0", LOCAL_WORLD_SIZE="4", GROUP_RANK="0"))
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn('GROUP_RANK="0" but GROUP_WORLD_SIZE is not set', result.stderr)


class SecretFiles(unittest.TestCase):
    def test_a_secret_is_32_random_bytes_for_this_user_only(self):
        first, second = Secret(self), Secret(self)
        self.assertEqual(len(first.bytes), 32)
        self.assertNotEqual(first.bytes, second.bytes)
        self.assertEqual(os.stat(first.path).st_mode & 0o7777, 0o600)

    def test_the_mode_does_not_depend_on_the_umask(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            for mask in (0, 0o777):
                subprocess.run([LOCKSTEP, "secret", path], check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE, umask=mask)
                self.assertEqual(os.stat(path).st_mode & 0o7777, 0o600)
                os.unlink(path)

    def test_nothing_is_overwritten(self):
        secret = Secret(self)
        result = run("secret", secret.path)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn(f"'{secret.path}' exists and is not overwritten", result.stderr)
        with open(secret.path, "rb") as file:
            self.assertEqual(file.read(), secret.bytes)
        link = secret.path + ".link"
        os.symlink(secret.path + ".target", link)
        self.assertEqual(run("secret", link).returncode, 1)
        self.assertFalse(os.path.exists(link))

    def test_what_cannot_be_written_is_explained(self):
        result = run("secret", "/no/such/folder/s")
        self.assertEqual(result.returncode, 1)
        self.assertIn("'/no/such/folder/s'", result.stderr)
        self.assertEqual(run("secret").returncode, 2)


class SeveralHosts(unittest.TestCase):
    """Two launchers of this machine stand for two hosts."""

    SHOW = ('echo "$LOCKSTEP_RANK $LOCKSTEP_WORLD_SIZE $LOCKSTEP_LOCAL_RANK $LOCKSTEP_LOCAL_WORLD_SIZE '
            '$LOCKSTEP_NODE_RANK $LOCKSTEP_NODE_COUNT $RANK $WORLD_SIZE $LOCAL_RANK $LOCAL_WORLD_SIZE $GROUP_RANK '
            '$GROUP_WORLD_SIZE $MASTER_ADDR $MASTER_PORT $LOCKSTEP_JOB_ID $TORCHELASTIC_RUN_ID"')

    def both(self, ranks, script, *options, secret=None, nodes=2):
        """The results of all hosts, started at the same time."""
        secret = secret or Secret(self)
        processes = [start(ranks, script, *secret.options(node, nodes), *options) for node in range(nodes)]
        outputs = [process.communicate(timeout=DEADLINE) for process in processes]
        return [(process.returncode, *output) for process, output in zip(processes, outputs)]

    def test_every_rank_knows_its_place_among_all(self):
        secret = Secret(self)
        results = self.both(2, self.SHOW, secret=secret)
        lines = []
        for status, output, error in results:
            self.assertEqual((status, summary(error)), (0, []))
            lines += output.splitlines()
        id = secret.job_id()
        self.assertEqual(sorted(re.sub(r"^\[rank (\d)\] (?=\1)", "", line) for line in lines),
                         [f"{rank} 4 {rank % 2} 2 {rank // 2} 2 {rank} 4 {rank % 2} 2 {rank // 2} 2 127.0.0.1 29500 {id} {id}"
                          for rank in range(4)])
        self.assertEqual([line.startswith("[rank ") for line in sorted(results[0][1].splitlines())], [False, True])
        self.assertTrue(all(line.startswith("[rank ") for line in results[1][1].splitlines()))

    def test_the_library_finds_the_same(self):
        secret = Secret(self)
        result = run("launch", "-n", 2, *secret.options(1), LOCKSTEP, "env")
        self.assertEqual(result.returncode, 0, result.stderr)
        for line in ("rank:             3  (LOCKSTEP_RANK)", "node rank:        1  (LOCKSTEP_NODE_RANK)",
                     "node count:       2  (LOCKSTEP_NODE_COUNT)", "master port:      29500  (MASTER_PORT)"):
            self.assertIn("[rank 3] " + line, result.stdout.splitlines())

    def test_the_job_id_depends_on_all_that_tells_jobs_apart(self):
        secret, other = Secret(self), Secret(self)

        def id_with(*options, secret=secret, address="127.0.0.1"):
            result = launch(1, 'echo "$LOCKSTEP_JOB_ID"', *secret.options(0, address=address), *options)
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stdout.strip()

        self.assertEqual(id_with(), secret.job_id())
        self.assertEqual(id_with("--job-id", "x y"), secret.job_id(job="x y"))
        self.assertEqual(id_with("--master-port", "4000"), secret.job_id(port=4000))
        self.assertEqual(id_with(address="localhost"), secret.job_id(address="localhost"))
        self.assertEqual(id_with(secret=other), other.job_id())
        ids = {secret.job_id(), secret.job_id(job="x y"), secret.job_id(port=4000), secret.job_id(address="localhost"),
               secret.job_id(restart=1), other.job_id()}
        self.assertEqual(len(ids), 6)

    def test_all_hosts_have_the_secret(self):
        secret = Secret(self)
        for _, output, _ in self.both(1, 'od -An -v -tx1 "$LOCKSTEP_SECRET_FILE" | tr -d " \\n"; echo', secret=secret):
            self.assertEqual(output.split()[-1], secret.bytes.hex())

    def test_the_secret_may_come_by_the_environment(self):
        secret = Secret(self)
        options = secret.options(1)[:-2]
        result = launch(1, 'echo "$LOCKSTEP_JOB_ID"', *options, env=environment(LOCKSTEP_SECRET_FILE=secret.path))
        self.assertEqual((result.returncode, result.stdout), (0, f"[rank 1] {secret.job_id()}\n"), result.stderr)

    def test_one_host_makes_a_secret_of_its_own_whatever_the_environment_says(self):
        secret = Secret(self)
        show = 'od -An -v -tx1 "$LOCKSTEP_SECRET_FILE" | tr -d " \\n"'
        result = launch(1, show, env=environment(LOCKSTEP_SECRET_FILE=secret.path))
        self.assertNotEqual(result.stdout.strip(), secret.bytes.hex())
        self.assertEqual(launch(1, show, "--secret-file", secret.path).stdout.strip(), secret.bytes.hex())

    def test_logs_carry_the_numbers_of_the_ranks(self):
        with tempfile.TemporaryDirectory() as folder:
            self.both(2, "echo $RANK", "--log-dir", folder)
            self.assertEqual(sorted(os.listdir(folder)), [f"rank-{rank}.log" for rank in range(4)])
            for rank in range(4):
                with open(os.path.join(folder, f"rank-{rank}.log"), encoding="utf-8") as log:
                    self.assertEqual(log.read(), f"{rank}\n")

    def test_each_host_ends_by_itself_and_blames_a_rank_of_its_own(self):
        results = self.both(2, 'echo "rank $RANK fails" >&2; [ $RANK = 0 ] && exit 0; exit $((RANK + 10))')
        self.assertEqual(results[0][0], 11)
        self.assertRegex(summary(results[0][2])[0], r"rank 1 \(pid \d+\) failed with exit status 11, "
                                                    r"last error line: rank 1 fails; no other rank on this host")
        self.assertIn(results[1][0], (12, 13))
        self.assertRegex(summary(results[1][2])[0], r"rank [23] \(pid \d+\) failed with exit status 1[23]")

    def test_restarts_meet_under_the_same_name(self):
        secret = Secret(self)
        show = 'echo "$RANK $LOCKSTEP_RESTART_COUNT $LOCKSTEP_JOB_ID"; sleep 0.3; [ $LOCKSTEP_RESTART_COUNT = 2 ]'
        lines = []
        for status, output, error in self.both(1, show, "--max-restarts", "2", secret=secret):
            self.assertEqual(status, 0, error)
            lines += [line.removeprefix("[rank 1] ") for line in output.splitlines()]
        expected = [f"{rank} {restart} {secret.job_id(restart=restart)}" for rank in (0, 1) for restart in (0, 1, 2)]
        self.assertEqual(sorted(lines), expected)

    def test_what_is_missing_or_contradictory_is_named(self):
        secret = Secret(self)
        good = secret.options(1)

        def check(options, *texts, status=2, **changes):
            result = run("launch", "-n", 1, *options, "true", env=environment(**changes))
            self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
            for text in texts:
                self.assertIn(text, result.stderr)

        check(good[:2] + good[4:], "--nnodes is 2", "--node-rank")
        check(good[:4] + good[6:], "--nnodes is 2", "--master-addr")
        check(good[:6], "--nnodes is 2", "'lockstep secret FILE'", "0600", "--secret-file", "LOCKSTEP_SECRET_FILE")
        check(good[:6], "--secret-file", LOCKSTEP_SECRET_FILE="")
        check(secret.options(2), "--node-rank must be from 0 to 1", "got 2")
        check(secret.options(-1), "--node-rank must be from 0 to 1", "got -1")
        check(["--node-rank", "1"], "--node-rank must be from 0 to 0 (--nnodes is 1)", "got 1")
        check(secret.options(0, 0), "--nnodes must be from 1", "got 0")
        check(secret.options(0, 99999), "--nnodes must be from 1", "got 99999")
        for port in ("0", "65536", "-1"):
            check([*good, "--master-port", port], "--master-port must be from 1 to 65535", f"got {port}")
        for option in ("--nnodes", "--node-rank", "--master-port", "--max-restarts"):
            check([option, "x"], option, "x")
        check(["--job-id", "x"], "--job-id is for several hosts")
        check(["--max-restarts", "-1"], "--max-restarts must be from 0", "got -1")

    def test_a_secret_that_is_none_is_refused(self):
        secret = Secret(self)

        def check(*texts):
            result = run("launch", "-n", 1, *secret.options(0), "true")
            self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
            for text in (secret.path, *texts):
                self.assertIn(text, result.stderr)

        os.chmod(secret.path, 0o644)
        check("chmod 600")
        os.chmod(secret.path, 0o600)
        os.truncate(secret.path, 31)
        check("expected exactly 32 bytes, got 31")
        os.unlink(secret.path)
        check("No such file")
        os.mkdir(secret.path)
        check("regular file")

    def test_signals_reach_the_ranks_of_one_host_only(self):
        secret = Secret(self)
        script = 'trap "echo heard; exit 0" TERM; echo $$; while :; do sleep 0.05; done'
        processes = [start(1, script, *secret.options(node)) for node in (0, 1)]
        pids = [int(process.stdout.readline().split()[-1]) for process in processes]
        processes[0].terminate()
        output, error = processes[0].communicate(timeout=DEADLINE)
        self.assertEqual((processes[0].returncode, output), (0, "heard\n"), error)
        self.assertTrue(is_alive(pids[1]))
        processes[1].kill()
        processes[1].communicate(timeout=DEADLINE)
        wait_until(lambda: not any(map(is_alive, pids)), "ranks outlive their launcher")


class Restarts(unittest.TestCase):
    def test_ranks_are_started_again_until_they_end_well(self):
        script = ('echo "$RANK $LOCKSTEP_RESTART_COUNT $TORCHELASTIC_RESTART_COUNT $LOCKSTEP_JOB_ID"; '
                  '[ $RANK = 0 ] || [ $LOCKSTEP_RESTART_COUNT = 2 ] || { sleep 0.2; echo "bad $LOCKSTEP_RESTART_COUNT" >&2; exit 7; }')
        result = launch(2, script, "--max-restarts", "5")
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [line.removeprefix("[rank 1] ").split() for line in result.stdout.splitlines()]
        self.assertEqual(sorted(line[:3] for line in lines), sorted([str(rank), str(count), str(count)]
                                                                    for rank in (0, 1) for count in (0, 1, 2)))
        self.assertEqual(len({line[3] for line in lines}), 3)  # a job id for every attempt
        said = summary(result)
        self.assertEqual(len(said), 3)
        for count in (0, 1):
            self.assertRegex(said[count], rf"^lockstep launch: rank 1 \(pid \d+\) failed with exit status 7, last error line: "
                                          rf"bad {count}; no other rank was still running; starting all ranks again "
                                          rf"\(restart {count + 1} of 5\)$")
        self.assertRegex(said[2], r"^lockstep launch: all ranks ended with exit status 0; this was attempt 3; "
                                  r"attempt 1: rank 1 [^;]*bad 0; attempt 2: rank 1 [^;]*bad 1$")

    def test_in_the_end_the_launcher_gives_up(self):
        result = launch(2, "exit $((RANK * (40 + LOCKSTEP_RESTART_COUNT)))", "--max-restarts", "2")
        self.assertEqual(result.returncode, 42)
        said = summary(result)
        self.assertEqual(len(said), 3)
        self.assertRegex(said[2], r"rank 1 \(pid \d+\) failed with exit status 42; .*; this was attempt 3; "
                                  r"attempt 1: rank 1 \(pid \d+\) failed with exit status 40; "
                                  r"attempt 2: rank 1 \(pid \d+\) failed with exit status 41$")

    def test_success_needs_no_restart(self):
        result = launch(1, "echo once", "--max-restarts", "3")
        self.assertEqual((result.returncode, result.stdout, summary(result)), (0, "once\n", []))

    def test_all_ranks_of_an_attempt_are_gone_before_the_next(self):
        with tempfile.TemporaryDirectory() as folder:
            script = (f'cd {folder}; [ $LOCKSTEP_RESTART_COUNT = 0 ] || {{ sleep 0.5; for pid in $(cat pid.*); do '
                      '[ ! -e /proc/$pid/stat ] || grep -q ") Z" /proc/$pid/stat || echo alive; done; exit 0; }; '
                      'trap "" TERM; sleep 1000 & echo $$ $! >pid.$RANK; [ $RANK = 0 ] && wait; '
                      'while [ ! -e pid.0 ]; do sleep 0.01; done; exit 1')
            result = launch(2, script, "--max-restarts", "1", "--grace", "0.3")
            self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_a_signal_ends_the_restarts(self):
        for script in ("echo $$; exec sleep 1000", 'trap "exit 5" TERM; echo $$; while :; do sleep 0.05; done'):
            process = start(2, script, "--max-restarts", "100")
            pids = read_pids(process, 2)
            process.terminate()
            output, error = process.communicate(timeout=DEADLINE)
            self.assertIn(process.returncode, (143, 5))
            self.assertEqual((output, len(summary(error))), ("", 1), error)
            self.assertIn("passed on signal 15", summary(error)[0])
            self.assertFalse(any(map(is_alive, pids.values())))

    def test_the_time_limit_is_for_all_attempts(self):
        begin = time.monotonic()
        result = launch(1, "sleep 0.3; exit 1", "--max-restarts", "1000000", "--timeout", "1.5")
        self.assertEqual(result.returncode, 124)
        self.assertTrue(1.5 <= time.monotonic() - begin < 30)
        self.assertIn("the time limit of 1.5 s passed", summary(result)[-1])

    def test_logs_hold_all_attempts(self):
        with tempfile.TemporaryDirectory() as folder:
            launch(1, "echo attempt $LOCKSTEP_RESTART_COUNT; exit 1", "--max-restarts", "2", "--log-dir", folder)
            with open(os.path.join(folder, "rank-0.log"), encoding="utf-8") as log:
                self.assertEqual(log.read(), "attempt 0\nattempt 1\nattempt 2\n")

    def test_many_restarts_leak_nothing(self):
        # The last attempt counts what its launcher has open.
        script = "[ $LOCKSTEP_RESTART_COUNT = $0 ] && sleep 0.5 && ls /proc/$PPID/fd | wc -l && exit 0; exit 1"
        counts = [int(run("launch", "-n", 1, "--max-restarts", 30, "sh", "-c", script, last).stdout) for last in ("1", "30")]
        self.assertEqual(counts[0], counts[1])


class LastWords(unittest.TestCase):
    def said(self, script, ranks=1):
        result = launch(ranks, script)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(len(summary(result)), 1, result.stderr)
        return summary(result)[0]

    def test_the_last_error_line_of_the_rank_to_blame_is_shown(self):
        self.assertIn("exit status 3, last error line: the cause; ", self.said("echo first >&2; echo the cause >&2; exit 3"))
        said = self.said("[ $RANK = 1 ] || { sleep 1000; }; echo mine >&2; echo out; exit 3", 2)
        self.assertIn("last error line: mine; 1 other rank", said)
        self.assertIn("last error line: unfinished; ", self.said("printf unfinished >&2; kill -9 $$"))

    def test_blank_lines_control_characters_and_long_lines(self):
        self.assertIn("last error line: the cause; ", self.said(r"printf 'the \033ca\tuse\r\n\n  \n' >&2; exit 1"))
        self.assertIn("last error line: " + 300 * "x" + "...; ", self.said("head -c 1000 /dev/zero | tr '\\0' x >&2; exit 1"))

    def test_a_silent_rank_is_shown_as_before(self):
        self.assertNotIn("last error line", self.said("echo out; exit 1"))


class RanksOfTheLibrary(unittest.TestCase):
    """The program exchange.cpp: its ranks meet and add up 1 + 2 + ... + world size."""

    def meet(self, variables_of_ranks):
        """Starts one process per set of variables at the same time; returns what they print."""
        processes = [subprocess.Popen([EXCHANGE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True, env=environment(**variables)) for variables in variables_of_ranks]
        results = [process.communicate(timeout=DEADLINE) for process in processes]
        self.assertEqual([process.returncode for process in processes], [0] * len(processes), results)
        return [re.sub(r", pid \d+", "", output).strip() for output, _ in results]

    def test_under_lockstep_launch(self):
        result = run("launch", "-n", 3, EXCHANGE)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = sorted(re.sub(r", pid \d+", "", line) for line in result.stdout.splitlines())
        self.assertEqual(lines, ["[rank 1] lockstep rank 1 of 3, sum 6", "[rank 2] lockstep rank 2 of 3, sum 6",
                                 "lockstep rank 0 of 3, sum 6"])

    def test_alone(self):
        self.assertEqual(self.meet([{}]), ["none rank 0 of 1, sum 1"])

    def test_two_jobs_of_torchrun_at_once(self):
        def rank(number, port):
            return {"RANK": str(number), "WORLD_SIZE": "2", "LOCAL_RANK": str(number), "LOCAL_WORLD_SIZE": "2",
                    "MASTER_ADDR": "localhost", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "none"}

        ranks = [rank(0, "29500"), rank(0, "29501"), rank(1, "29501"), rank(1, "29500")]
        expected = ["torchrun rank 0 of 2, sum 3", "torchrun rank 1 of 2, sum 3"]
        self.assertEqual(sorted(self.meet(ranks)), sorted(2 * expected))

    def test_under_the_variables_of_mpi_and_slurm(self):
        def openmpi(rank):
            return {"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": str(rank),
                    "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "PMIX_NAMESPACE": "1974730753"}

        def mpich(rank):  # this process stands for the proxy of the process manager
            return {"PMI_RANK": str(rank), "PMI_SIZE": "2", "MPI_LOCALRANKID": str(rank), "MPI_LOCALNRANKS": "2"}

        def slurm(rank):
            return {"SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0", "SLURM_PROCID": str(rank), "SLURM_NTASKS": "2",
                    "SLURM_LOCALID": str(rank), "SLURM_NODEID": "0", "SLURM_STEP_TASKS_PER_NODE": "2",
                    "SLURM_STEP_NODELIST": "gn10"}

        for variables in (openmpi, mpich, slurm):
            self.assertEqual(self.meet([variables(0), variables(1)]),
                             [f"{variables.__name__} rank {rank} of 2, sum 3" for rank in (0, 1)])

    def test_survivors_name_the_rank_that_was_killed(self):
        process = subprocess.Popen([LOCKSTEP, "launch", "-n", "3", EXCHANGE, "forever"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        lines = [process.stdout.readline() for _ in range(3)]
        victim = int(next(re.search(r"rank 1 of 3, pid (\d+)", line)[1] for line in lines if "rank 1 of 3" in line))
        os.kill(victim, signal.SIGKILL)
        _, error = process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 137, error)
        survivors = [line for line in error.splitlines() if re.search(rf"rank 1 .*pid {victim}.* died", line)]
        self.assertEqual(len(survivors), 2, error)
        self.assertIn(f"rank 1 (pid {victim}) was killed by signal 9 (Killed)", summary(error)[0])

    def test_a_job_on_several_hosts_is_refused(self):
        result = subprocess.run([EXCHANGE], capture_output=True, text=True, timeout=DEADLINE, env=environment(
            RANK="0", WORLD_SIZE="4", LOCAL_RANK="0", LOCAL_WORLD_SIZE="2", MASTER_ADDR="h", MASTER_PORT="1"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("works inside one host, but this job has 4 ranks of which 2 run here", result.stderr)


class RanksOfSeveralHosts(unittest.TestCase):
    """The program exchange.cpp over TCP, under two launchers that stand for two hosts."""

    def setUp(self):
        if not EXCHANGE_TCP:
            self.skipTest("no program that uses TCP: OpenSSL is not there")

    def start_both(self, script, *options):
        secret = Secret(self)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return [start(2, script, *secret.options(node), "--master-port", str(port), *options) for node in (0, 1)]

    def finish(self, processes):
        outputs = [process.communicate(timeout=DEADLINE) for process in processes]
        return [(process.returncode, *output) for process, output in zip(processes, outputs)]

    def read_victim(self, process):
        """The process of rank 3, once both ranks of its host have met all others."""
        lines = [process.stdout.readline() for _ in range(2)]
        return int(next(re.search(r"rank 3 of 4, pid (\d+)", line)[1] for line in lines if "rank 3 of 4" in line))

    def test_ranks_of_two_hosts_meet(self):
        lines = []
        for status, output, error in self.finish(self.start_both(f"exec {EXCHANGE_TCP}")):
            self.assertEqual((status, summary(error)), (0, []), error)
            lines += [re.sub(r"^\[rank \d\] |, pid \d+", "", line) for line in output.splitlines()]
        self.assertEqual(sorted(lines), [f"lockstep rank {rank} of 4, sum 10" for rank in range(4)])

    def test_a_failure_on_one_host_ends_both(self):
        processes = self.start_both(f"exec {EXCHANGE_TCP} forever")
        victim = self.read_victim(processes[1])
        os.kill(victim, signal.SIGKILL)
        (first, _, first_error), (second, _, second_error) = self.finish(processes)
        self.assertEqual((first, second), (1, 137), first_error + second_error)
        self.assertIn(f"rank 3 (pid {victim}) was killed by signal 9 (Killed)", summary(second_error)[0])
        for error in (first_error, summary(first_error)[0]):
            self.assertRegex(error, rf"rank 3 .*pid {victim}.* died")

    def test_both_hosts_start_again_and_meet(self):
        processes = self.start_both(f"[ $LOCKSTEP_RESTART_COUNT = 1 ] && exec {EXCHANGE_TCP}; exec {EXCHANGE_TCP} forever",
                                    "--max-restarts", "1")
        os.kill(self.read_victim(processes[1]), signal.SIGKILL)
        results = self.finish(processes)
        for status, _, error in results:
            self.assertEqual((status, len(summary(error))), (0, 2), error)
        # Two ranks in two attempts; the first two lines of the second host are read already.
        self.assertEqual([len(re.findall("of 4, pid .* sum 10", output)) for _, output, _ in results], [4, 2])


if __name__ == "__main__":
    LOCKSTEP, EXCHANGE, EXCHANGE_TCP = [*map(os.path.abspath, sys.argv[1:]), ""][:3]
    sys.exit(tap.main())
