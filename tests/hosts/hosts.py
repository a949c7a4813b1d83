#!/usr/bin/env python3
"""Tcp among hosts: network namespaces joined by cables that are slow, lose packets or are pulled.

hosts.py PROGRAM [--long]. Needs root, and Linux's ip and tc; says so where they are missing. Kernels need no netem:
delays and losses are made by a relay in this program, between two TAP devices."""

import ctypes
import fcntl
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tap  # noqa: E402

PROGRAM = sys.argv[1]
LONG = "--long" in sys.argv
SUSPECT_SECONDS = 2.0  # as host_rank has it


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def missing():
    """What keeps these tests from running, or an empty string."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "tc", "unshare"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    try:
        run("ip", "netns", "add", f"ls{os.getpid()}try")
        run("ip", "netns", "del", f"ls{os.getpid()}try")
    except subprocess.CalledProcessError as error:
        return f"no network namespaces: {error.stderr.decode().strip()}"
    return ""


MISSING = missing()


class Hosts:
    """Namespaces with addresses 10.77.0.1, .2, ...; each has a device eth0."""

    made = 0

    def __init__(self, count):
        self.names = [f"ls{os.getpid()}h{Hosts.made + i}" for i in range(count)]
        Hosts.made += count
        self.processes = []
        for name in self.names:
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdout.close()
        for name in self.names:
            run("ip", "netns", "del", name)

    def up(self, index):
        run("ip", "-n", self.names[index], "addr", "add", f"10.77.0.{index + 1}/24", "dev", "eth0")
        run("ip", "-n", self.names[index], "link", "set", "eth0", "up")

    def shape(self, index, *qdisc):
        run("tc", "-n", self.names[index], "qdisc", "replace", "dev", "eth0", "root", *qdisc)

    def start(self, task, scale):
        for rank, name in enumerate(self.names):
            self.processes.append(subprocess.Popen(
                ["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', f"host{rank}",
                 PROGRAM, task, str(rank), str(len(self.names)), "10.77.0.1", str(scale)],
                stdout=subprocess.PIPE, text=True))

    def outputs(self, patience=120):
        return [process.communicate(timeout=patience)[0] for process in self.processes]


class Cable(Hosts):
    """Two hosts at the ends of one cable."""

    def __init__(self):
        super().__init__(2)
        run("ip", "-n", self.names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
            self.names[1])
        self.up(0)
        self.up(1)


class Switch(Hosts):
    """Hosts around a bridge, in a namespace of its own."""

    def __init__(self, count):
        super().__init__(count + 1)
        bridge = self.names.pop()
        self.bridge = bridge
        run("ip", "-n", bridge, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", bridge, "link", "set", "bridge", "up")
        for index, name in enumerate(self.names):
            run("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", f"port{index}", "netns", bridge)
            run("ip", "-n", bridge, "link", "set", f"port{index}", "master", "bridge", "up")
            self.up(index)

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        run("ip", "netns", "del", self.bridge)


class Relay(Hosts):
    """Two hosts whose packets take a while and sometimes get lost; another process carries them."""

    def __init__(self, delay, loss):
        super().__init__(2)
        devices = []
        for index, name in enumerate(self.names):
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            temporary = f"ls{os.getpid()}t{index}"
            fcntl.ioctl(device, 0x400454ca, struct.pack("16sH22x", temporary.encode(), 0x1002))  # TUNSETIFF: TAP, bare
            run("ip", "link", "set", temporary, "netns", name, "name", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "txqueuelen", "10000")
            self.up(index)
            devices.append(device)
        self.carrier = os.fork()
        if self.carrier == 0:
            try:
                ctypes.CDLL(None).prctl(1, 9)  # ends with its parent
                self.carry(devices, delay, loss)
            finally:
                os._exit(1)
        for device in devices:
            os.close(device)

    @staticmethod
    def carry(devices, delay, loss):
        chance = random.Random(1)
        under_way = []  # (when it arrives, number, where, packet)
        number = 0
        while True:
            now = time.monotonic()
            while under_way and under_way[0][0] <= now:
                _, _, to, packet = heapq.heappop(under_way)
                try:
                    os.write(to, packet)
                except OSError:
                    pass  # that host is gone
            wait = max(under_way[0][0] - now, 0) if under_way else 1
            for device in select.select(devices, [], [], wait)[0]:
                for _ in range(64):
                    try:
                        packet = os.read(device, 65536)
                    except OSError:
                        break
                    number += 1
                    if chance.random() >= loss:
                        to = devices[1] if device == devices[0] else devices[0]
                        heapq.heappush(under_way, (time.monotonic() + delay, number, to, packet))

    def __exit__(self, *arguments):
        os.kill(self.carrier, 9)
        os.waitpid(self.carrier, 0)
        super().__exit__(*arguments)


def digest_on_one_host(ranks, scale):
    with Hosts(1) as host:
        name = host.names[0]
        processes = [subprocess.Popen(["ip", "netns", "exec", name, PROGRAM, "digest", str(rank), str(ranks), "127.0.0.1",
                                       str(scale)], stdout=subprocess.PIPE, text=True) for rank in range(ranks)]
        outputs = {process.communicate(timeout=120)[0] for process in processes}
    assert len(outputs) == 1, outputs
    return outputs.pop()


@unittest.skipIf(MISSING, MISSING)
class Network(unittest.TestCase):
    def check_digest(self, hosts, ranks, scale):
        expected = digest_on_one_host(ranks, scale)
        hosts.start("digest", scale)
        self.assertEqual(hosts.outputs(), [expected] * ranks)

    def check_failure(self, cut):
        """All ranks end with an error that names the other rank soon after the cable is cut."""
        with Cable() as hosts:
            hosts.start("endless", 500_000)
            for process in hosts.processes:
                self.assertEqual(process.stdout.readline(), "running\n")
            time.sleep(0.5)
            cut(hosts)
            start = time.monotonic()
            outputs = hosts.outputs()
            seconds = time.monotonic() - start
        for rank, output in enumerate(outputs):
            self.assertRegex(output, rf"^ERROR: tcp: rank {1 - rank} \(host host{1 - rank}, pid|"
                                     rf"^ERROR: tcp: .*connection to rank {1 - rank} \(host host{1 - rank}, pid")
            self.assertIn("all_reduce<float32>(500000, max) #", output)
        self.assertLess(seconds, SUSPECT_SECONDS + 2)

    def test_two_hosts_give_the_bits_of_one(self):
        with Cable() as hosts:
            self.check_digest(hosts, 2, 300_000)

    def test_a_pulled_cable_is_an_error_that_names_the_rank(self):
        self.check_failure(lambda hosts: run("ip", "-n", hosts.names[1], "link", "set", "eth0", "down"))

    def test_packets_that_arrive_one_way_only_are_an_error_that_names_the_rank(self):
        # A bucket that no packet fits into lets none through.
        self.check_failure(lambda hosts: hosts.shape(1, "tbf", "rate", "8bit", "burst", "10", "limit", "1"))

    @unittest.skipUnless(LONG, "in the long suite")
    def test_three_and_four_hosts_give_the_bits_of_one(self):
        for count in (3, 4):
            with Switch(count) as hosts:
                self.check_digest(hosts, count, 1_000_000)

    @unittest.skipUnless(LONG, "in the long suite")
    def test_delays_and_losses_change_no_bit(self):
        if not os.path.exists("/dev/net/tun"):
            self.skipTest("there is no /dev/net/tun")
        for delay, loss, scale in ((0, 0.01, 300_000), (0.001, 0, 300_000), (0.001, 0.01, 300_000), (0.02, 0, 300_000),
                                   (0.02, 0.01, 60_000)):
            with self.subTest(delay=delay, loss=loss), Relay(delay, loss) as hosts:
                self.check_digest(hosts, 2, scale)

    @unittest.skipUnless(LONG, "in the long suite")
    def test_a_gigabit_is_used(self):
        for gigabits, at_least in ((1, 0.85), (10, 0.0)):
            with Cable() as hosts:
                for index in range(2):
                    hosts.shape(index, "tbf", "rate", f"{gigabits}gbit", "burst", "1mb", "latency", "50ms")
                hosts.start("rate", 64 << 20)
                rates = [float(output) / (gigabits * 1e9) for output in hosts.outputs()]
                print(f"# all_reduce of 64 MiB, 2 hosts, {gigabits} Gbit/s: payload is {min(rates):.1%} of the wire")
                self.assertGreater(min(rates), at_least)


if __name__ == "__main__":
    del sys.argv[1:]
    sys.exit(tap.main())
