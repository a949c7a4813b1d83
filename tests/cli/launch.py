#!/usr/bin/env python3
"""Runs the program `lockstep` as a user does. Usage: launch.py LOCKSTEP_PROGRAM EXCHANGE_PROGRAM. Prints TAP.

The ranks are small shell or Python scripts, or the program exchange.cpp, which uses the library. Deadlines are generous, for busy machines; a hang still fails."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tap

LOCKSTEP = EXCHANGE = ""
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
        self.assertEqual(result.returncode, 0, result.stderr)
        return dict(re.split(r":\s+", line, maxsplit=1) for line in result.stdout.splitlines())

    def test_without_a_launcher(self):
        found = self.report(run("env"))
        self.assertEqual((found["launcher"], found["rank"], found["secret"]), ("none", "0 of 1", "none"))
        self.assertEqual(int(found["cores"]), len(os.sched_getaffinity(0)))
        self.assertEqual(found["host"], os.uname().nodename)

    def test_under_lockstep_launch(self):
        result = run("launch", "-n", 2, LOCKSTEP, "env")
        lines = result.stdout.splitlines()
        ours = [line.removeprefix("[rank 1] ") for line in lines if line.startswith("[rank 1] ")]
        self.assertIn("launcher:    lockstep", ours)
        self.assertIn("rank:        1 of 2", ours)
        names = {line for line in lines + ours if line.startswith("rendezvous:")}
        self.assertEqual(len(names), 1)  # both ranks meet there

    def test_under_another_launcher(self):
        torchrun = environment(RANK="3", WORLD_SIZE="4", LOCAL_RANK="1", LOCAL_WORLD_SIZE="2", MASTER_ADDR="h",
                               MASTER_PORT="29500", TORCHELASTIC_USE_AGENT_STORE="True")
        found = self.report(run("env", env=torchrun))
        self.assertEqual((found["launcher"], found["rank"], found["local rank"]), ("torchrun", "3 of 4", "1 of 2"))
        self.assertEqual((found["hosts"], found["master"]), ("several", "h:29500 (taken by the launcher)"))

    def test_contradictions_are_explained(self):
        result = run("env", env=environment(RANK="4", WORLD_SIZE="4", LOCAL_RANK="0", LOCAL_WORLD_SIZE="4"))
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn('RANK="4"', result.stderr)
        self.assertIn('WORLD_SIZE="4"', result.stderr)


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


if __name__ == "__main__":
    LOCKSTEP, EXCHANGE = map(os.path.abspath, sys.argv[1:])
    sys.exit(tap.main())
