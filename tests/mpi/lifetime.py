#!/usr/bin/env python3
"""Runs the program lifetime under mpirun, and looks at how its jobs end: lifetime.py PROGRAM MPIRUN [ARGUMENT...]"""

import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tap  # noqa: E402

PROGRAM, MPIRUN = sys.argv[1], sys.argv[2:]


def job(mode, size=2, patience=60):
    """Exit status and output."""
    process = subprocess.run([*MPIRUN, "-n", str(size), PROGRAM, mode], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=patience, text=True)
    return process.returncode, process.stdout


class Lifetime(unittest.TestCase):
    def test_communicators_initialise_and_finalise_mpi_even_static_ones(self):
        self.assertEqual(job("ours"), (0, ""))

    def test_the_user_who_initialises_mpi_finalises_it(self):
        status, output = job("user")
        self.assertEqual(status, 0, output)
        self.assertEqual(output.count("MPI has been finalised in this process"), 2, output)

    def test_too_low_a_thread_level_is_refused(self):
        status, output = job("single")
        self.assertEqual(status, 0, output)
        self.assertIn(output.count("initialise it with MPI_Init_thread and MPI_THREAD_SERIALIZED"), (0, 2))

    def test_an_exception_ends_the_job_and_all_ranks_know_why(self):
        status, output = job("throw")
        self.assertNotEqual(status, 0)
        self.assertIn("caught: the loss is not finite", output)
        self.assertIn("rank 1 ended with an exception; this rank (0) was in barrier()", output)

    def test_a_rank_may_be_done_before_the_others(self):
        self.assertEqual(job("exit early", 3), (0, ""))

    def test_a_killed_rank_ends_the_job(self):
        status, output = job("kill")
        self.assertNotEqual(status, 0)
        self.assertEqual(output.count("started"), 2, output)

    def test_a_rank_that_does_not_answer_ends_the_job(self):
        process = subprocess.Popen([*MPIRUN, "-n", "2", PROGRAM, "stop"], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        with process:
            try:
                output = process.communicate(timeout=60)[0]
            finally:
                process.kill()
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(output, r"caught: mpi: rank 0 waited 2 s in all_reduce<float32>\(1000000, sum\) #\d+ for rank 1")


if __name__ == "__main__":
    del sys.argv[1:]
    sys.exit(tap.main())
