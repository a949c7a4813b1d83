#!/usr/bin/env python3
"""Runs the examples as a user does, alone and in two ranks. Usage: examples.py LOCKSTEP_PROGRAM EXAMPLE... Prints TAP.

The models are tiny. Deadlines are generous, for busy machines; a hang still fails."""

import fcntl
import json
import os
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tap

LOCKSTEP = ""
PROGRAMS = {}
DEADLINE = 120  # seconds for any one run
OWN_VARIABLES = re.compile("LOCKSTEP_|RANK$|WORLD_SIZE$|LOCAL_|GROUP_|MASTER_|TORCHELASTIC_|OMPI_|PMI|MPI_|SLURM_")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not OWN_VARIABLES.match(name)}


def command(program, ranks, *arguments):
    launcher = [LOCKSTEP, "launch", "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, PROGRAMS[program], *map(str, arguments)]


def run(program, ranks, *arguments):
    return subprocess.run(command(program, ranks, *arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=DEADLINE, env=ENVIRONMENT)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="lockstep-examples-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def succeed(self, program, ranks, *arguments):
        result = run(program, ranks, *arguments)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result


class Ladder(Case):
    def test_linear_regression(self):
        for ranks in (1, 2):
            output = self.succeed("01_linear_regression", ranks).stdout
            slope, intercept = map(float, re.search(r"slope (\S+), intercept (\S+);", output).groups())
            self.assertAlmostEqual(slope, 3, delta=0.05)
            self.assertAlmostEqual(intercept, -2, delta=0.05)

    def test_digits_that_it_draws(self):
        for ranks in (1, 2):
            output = self.succeed("02_mlp_digits", ranks).stdout
            self.assertIn("epoch 5: ", output)
            correct = int(re.search(r"epoch 5: (\d+) of 2000 ", output)[1])
            self.assertGreater(correct, 1800)

    def test_digits_from_files(self):
        count, extent = 403, 6  # a last batch that is not full, on two ranks
        labels = bytes(i % 10 for i in range(count))
        images = b"".join(bytes(250 if pixel % 10 == label else 5 for pixel in range(extent * extent)) for label in labels)
        paths = [self.folder / "train-images-idx3-ubyte", self.folder / "train-labels-idx1-ubyte"]
        paths[0].write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, count, extent, extent) + images)
        paths[1].write_bytes(struct.pack(">4B1I", 0, 0, 8, 1, count) + labels)
        for ranks in (1, 2):
            for data in ([self.folder], paths):
                self.assertIn("epoch 5: 80 of 80 ", self.succeed("02_mlp_digits", ranks, "--data", *data).stdout)
        result = run("02_mlp_digits", 1, "--data", paths[1], paths[0])
        self.assertEqual(result.returncode, 1)
        self.assertIn("is [403]", result.stderr)

    def test_custom_op(self):
        for ranks in (1, 2):
            output = self.succeed("03_custom_op", ranks).stdout
            self.assertIn("agrees with finite differences", output)
            self.assertLess(float(re.search(r"learned with it: (\S+)", output)[1]), 0.01)

    def test_custom_communicator(self):
        output = self.succeed("04_custom_communicator", 1).stdout
        self.assertEqual(output.count(": conforms\n"), 5)
        self.assertIn("10 steps: ", output)


class Gpt(Case):
    TINY = ["--width", 16, "--depth", 2, "--heads", 2, "--context", 16, "--batch", 4, "--sample-length", 30]

    def setUp(self):
        super().setUp()
        words = "the rank sums what all ranks hold and every rank then holds the same sum ".split()
        chooser = random.Random(5)
        self.text = self.folder / "text.txt"
        self.text.write_text(" ".join(chooser.choice(words) for _ in range(4000)))
        self.output = self.folder / "output"

    def arguments(self, *more, output=None):
        return [*self.TINY, "--data", self.text, "--output", output or self.output, *more]

    def lines(self, output=None):
        """The lines of metrics.jsonl, without what depends on the clock."""
        lines = [json.loads(line) for line in ((output or self.output) / "metrics.jsonl").read_text().splitlines()]
        return [{key: value for key, value in line.items() if key not in ("seconds", "tokens_per_second")} for line in lines]

    def state(self, output):
        return {path.name: path.read_bytes() for path in (output / "checkpoint").glob("*.safetensors")}

    def test_a_run_writes_what_it_promises(self):
        for ranks in (1, 2):
            result = self.succeed("gpt", ranks, *self.arguments("--steps", 20, "--overwrite"))
            for text in ("unigram counts", "bigram counts", "this model", "Written by the model", "loss_curve.svg"):
                self.assertIn(text, result.stdout)
            self.assertIn("20/20", result.stderr)
            lines = self.lines()
            self.assertEqual([line["step"] for line in lines if "loss" in line], [10, 20])
            self.assertEqual(sorted(lines[-2]), ["gradient_norm", "learning_rate", "loss", "step"])
            self.assertEqual(len([line for line in lines if "held_out_loss" in line]), 10)
            names = sorted(self.state(self.output))
            self.assertEqual(names, ["model.safetensors", "optimizer.safetensors", "state.safetensors"])
            picture = xml.etree.ElementTree.parse(self.output / "loss_curve.svg").getroot()
            self.assertIn("bits per byte", [element.text for element in picture.iter()])

    def test_it_learns_more_than_counts_of_bytes_tell(self):
        result = self.succeed("gpt", 2, *self.arguments("--steps", 300, "--width", 32, "--learning-rate", 0.01))
        bits = {name: float(re.search(rf"{name} +(\S+)", result.stdout)[1]) for name in ("bigram counts", "this model")}
        self.assertLess(bits["this model"], 0.7 * bits["bigram counts"])

    def test_two_runs_are_equal_bit_for_bit(self):
        outputs = [self.folder / "first", self.folder / "second"]
        for output in outputs:
            self.succeed("gpt", 2, *self.arguments("--steps", 12, "--dropout", 0.1, output=output))
        self.assertEqual(self.state(outputs[0]), self.state(outputs[1]))
        self.assertEqual(self.lines(outputs[0]), self.lines(outputs[1]))

    def interrupt(self, ranks, how):
        """Ends a run in the middle with a signal, resumes it, and compares it with a run that was left alone."""
        more = ["--steps", 150, "--width", 64, "--batch", 16, "--log-interval", 1, "--dropout", 0.1,
                "--checkpoint-interval", 20, "--evaluation-interval", 25]
        whole = self.folder / "whole"
        self.succeed("gpt", ranks, *self.arguments(*more, output=whole))
        process = subprocess.Popen(command("gpt", ranks, *self.arguments(*more)), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)
        metrics = self.output / "metrics.jsonl"
        end = time.monotonic() + DEADLINE
        while not (metrics.exists() and metrics.read_bytes().count(b"\n") > 45):
            self.assertLess(time.monotonic(), end, "the run does not get on")
            self.assertIsNone(process.poll(), "the run ended before it was interrupted")
            time.sleep(0.001)
        process.send_signal(how)
        text, _ = process.communicate(timeout=DEADLINE)
        self.assertNotEqual(process.returncode, 0, text)
        if how == signal.SIGINT:
            self.assertRegex(text, r"Interrupted after step \d+ of 150")
        self.assertNotEqual(self.state(self.output), self.state(whole))
        self.succeed("gpt", ranks, *self.arguments(*more, "--resume"))
        self.assertEqual(self.state(self.output), self.state(whole))
        self.assertEqual(self.lines(self.output), self.lines(whole))

    def test_an_interrupted_run_goes_on_as_if_nothing_had_been(self):
        self.interrupt(1, signal.SIGINT)

    def test_the_same_with_two_ranks(self):
        self.interrupt(2, signal.SIGINT)

    def test_a_killed_run_goes_on_from_its_last_checkpoint(self):
        self.interrupt(1, signal.SIGKILL)

    def test_a_finished_run_can_be_resumed_and_changes_nothing(self):
        self.succeed("gpt", 1, *self.arguments("--steps", 5))
        state, lines = self.state(self.output), self.lines()
        self.assertIn("this model", self.succeed("gpt", 1, *self.arguments("--steps", 5, "--overwrite", "--resume")).stdout)
        self.assertEqual((self.state(self.output), self.lines()), (state, lines))

    def test_help_names_every_option(self):
        for ranks in (1, 2):
            text = self.succeed("gpt", ranks, "--help").stdout
            self.assertEqual(text.count("Usage: gpt"), 1)
            for option in ("--width N", "--data FILE...", "--resume", "--learning-rate X", "--output DIR"):
                self.assertIn(option, text)

    def complain(self, status, pattern, *arguments, ranks=2):
        """Expects one message, whatever the number of ranks."""
        result = run("gpt", ranks, *arguments)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        messages = [line for line in result.stderr.splitlines()
                    if "gpt: " in line and not line.startswith("lockstep launch: ")]  # which repeats the last one
        self.assertEqual(len(messages), 1, result.stderr)
        self.assertRegex(messages[0], pattern)
        return result

    def test_a_wrong_command_line(self):
        for pattern, arguments in {
            "unknown option '--widht'": ["--widht", 3],
            "unknown option '--widht=3'": ["--widht=3"],
            "--width needs an argument": ["--width"],
            "--width needs a whole number from 1 to 65536, got 'wide'": ["--width", "wide"],
            "--width needs a whole number from 1 to 65536, got '0'": ["--width", 0],
            "--steps .* got '1.5'": ["--steps", 1.5],
            "--batch .* got '4x'": ["--batch", "4x"],
            "--dropout needs a number from 0 to 1, got '2'": ["--dropout", 2],
            "--seed .* got 'nan'": ["--seed", "nan"],
            "--learning-rate .* got ''": ["--learning-rate", ""],
            "unexpected argument 'text.txt'": ["text.txt"],
            "--heads must divide --width, got 3 and 16": ["--width", 16, "--heads", 3],
            "--warmup must not be longer than --steps, got 9 and 5": ["--steps", 5, "--warmup", 9],
        }.items():
            for ranks in (1, 2):
                result = self.complain(2, pattern, "--output", self.output, *arguments, ranks=ranks)
                self.assertIn("Try 'gpt --help'", result.stderr)
                self.assertFalse(self.output.exists())

    def test_text_that_cannot_be_used(self):
        self.complain(1, "cannot read '/nowhere/a.txt': No such file", "--data", "/nowhere/a.txt", "--output", self.output)
        self.complain(1, f"cannot read '{self.folder}': Is a directory", "--data", self.folder, "--output", self.output)
        short = self.folder / "short.txt"
        short.write_text("too short")
        self.complain(1, "the text has 9 bytes.*--context", "--data", short, "--output", self.output)
        self.assertFalse(self.output.exists())

    def test_output_that_cannot_be_written(self):
        self.complain(1, "cannot make the directory '.*text.txt': Not a directory", *self.arguments(output=f"{self.text}/x"))

    def test_results_of_another_run_are_kept(self):
        self.succeed("gpt", 2, *self.arguments("--steps", 5))
        state, lines = self.state(self.output), self.lines()
        self.complain(1, "total_batch_size|positions mean something else", *self.arguments("--steps", 5, "--resume"), ranks=1)
        self.complain(1, "has the results of another run.*--resume.*--overwrite", *self.arguments("--steps", 5))
        self.complain(2, "--steps 4 is less than the 5 steps", *self.arguments("--steps", 4, "--resume"))
        self.complain(1, "does not fit", *self.arguments("--steps", 5, "--width", 32, "--resume"))
        self.assertEqual((self.state(self.output), self.lines()), (state, lines))

    def test_nothing_to_resume(self):
        self.complain(1, "output/checkpoint' is not a checkpoint: it does not exist", *self.arguments("--resume"))

    def test_a_run_that_diverges_stops(self):
        diverge = ["--steps", 20, "--learning-rate", 1e30, "--warmup", 0, "--weight-decay", 0]
        self.complain(1, "no finite numbers at step .*--learning-rate.*--detect-anomaly", *self.arguments(*diverge))
        result = run("gpt", 1, *self.arguments(*diverge, "--detect-anomaly", "--overwrite"))
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"the op '\w+' made a NaN or infinity")

    def test_the_bar_fits_the_terminal(self):
        for columns in (100, 50, 20):
            controller, terminal = pty.openpty()
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            process = subprocess.Popen(command("gpt", 2, *self.arguments("--steps", 600, "--overwrite")),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=terminal, env=ENVIRONMENT)
            os.close(terminal)
            shown = b""
            try:
                while part := os.read(controller, 4096):
                    shown += part
            except OSError:
                pass  # Linux says so when the other side is closed
            os.close(controller)
            self.assertEqual(process.wait(timeout=DEADLINE), 0, shown)
            drawn = [line for line in re.split(r"\r\n|\r", shown.decode().replace("\x1b[K", "")) if line.startswith("train")]
            self.assertLess(max(map(len, drawn)), columns)
            self.assertTrue(drawn[-1].startswith("train 100% "), drawn)
            if columns == 100:
                self.assertRegex(drawn[-1], r"^train 100% \[=+\] 600/600  loss \S+  \S+ tokens/s  \d+:\d\d$")
                self.assertRegex(drawn[0], r"^train +\d+% \[=*> *\] ")


if __name__ == "__main__":
    LOCKSTEP = os.path.abspath(sys.argv[1])
    PROGRAMS = {Path(program).name: os.path.abspath(program) for program in sys.argv[2:]}
    sys.exit(tap.main())
