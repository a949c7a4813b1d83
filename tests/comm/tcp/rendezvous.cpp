#include "../processes.hpp"
#include "fake_rank.hpp"
#include "tcp_test.hpp"
#include <lockstep/comm/tcp/rendezvous.hpp>

#include <doctest/doctest.h>

#include <ifaddrs.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

/// Sends a word over every connection and checks that the right one comes back.
std::string talk(Mesh& mesh) {
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  const auto wait = [&](SecureStream& stream) {
    pollfd descriptor{stream.descriptor(), stream.wanted(), 0};
    if (!wait_for_any({&descriptor, 1}, deadline)) throw CommunicationError("talk: nothing came");
  };
  const auto word = [](int from, int to, int connection) { return 1'000'000 * from + 1000 * to + connection; };
  for (MeshPeer& peer : mesh.peers) {
    if (peer.rank == mesh.rank) continue;
    peer.control.send(
        {.kind = ControlKind::heartbeat, .calls = static_cast<std::uint64_t>(word(mesh.rank, peer.rank, 0))});
    peer.control.flush();
    int connection = 1;
    const auto say = [&](SecureStream& stream) {
      const int value = word(mesh.rank, peer.rank, connection++);
      if (stream.write_some(std::as_bytes(std::span(&value, 1))) != sizeof value) throw CommunicationError("talk");
    };
    say(peer.messages);
    for (SecureStream& stream : peer.data) say(stream);
  }
  std::string heard;
  for (MeshPeer& peer : mesh.peers) {
    if (peer.rank == mesh.rank) continue;
    ControlFrame frame;
    while (peer.control.receive(frame) == ControlChannel::Status::nothing) wait(peer.control.stream());
    if (frame.calls != static_cast<std::uint64_t>(word(peer.rank, mesh.rank, 0))) throw CommunicationError("control");
    int connection = 1;
    const auto listen = [&](SecureStream& stream) {
      int value = 0;
      std::ptrdiff_t count = 0;
      while ((count = stream.read_some(std::as_writable_bytes(std::span(&value, 1)))) == stream_would_block)
        wait(stream);
      if (count != sizeof value || value != word(peer.rank, mesh.rank, connection++)) throw CommunicationError("data");
    };
    listen(peer.messages);
    for (SecureStream& stream : peer.data) listen(stream);
    heard += concat(peer.rank, " ");
  }
  return heard;
}

int open_descriptors() {
  int count = 0;
  for (int handle = 0; handle < 4096; ++handle) count += ::fcntl(handle, F_GETFD) >= 0;
  return count;
}

std::string meet_and_talk(const TcpOptions& options) {
  Mesh mesh = meet(options);
  return talk(mesh);
}

}  // namespace

TEST_CASE("ranks meet, in processes, plain and encrypted, and every connection has its right other end") {
  for (const bool encrypt : {false, true}) {
    CAPTURE(encrypt);
    const int port = free_port();
    Processes ranks(4, [&](int rank) {
      TcpOptions options = tcp_options(rank, 4, port);
      options.encrypt = encrypt;
      options.sockets_per_peer = 3;
      options.local_rank = rank + 10;
      Mesh mesh = meet(options);
      for (const MeshPeer& peer : mesh.peers) {
        if (peer.local_rank != peer.rank + 10 || peer.host != mesh.peers[0].host || peer.process <= 0 ||
            !contains(peer.address, "127.0.0.1:")) {
          throw CommunicationError("the table is wrong: " + describe(peer) + " " + peer.address);
        }
        if (peer.rank != rank && peer.data[2].encrypted() != encrypt) throw CommunicationError("encryption");
      }
      return talk(mesh);
    });
    const auto results = ranks.wait_all();
    CHECK(results[0].text == "1 2 3 ");
    CHECK(results[1].text == "0 2 3 ");
    CHECK(results[2].text == "0 1 3 ");
    CHECK(results[3].text == "0 1 2 ");
  }
}

TEST_CASE("ranks meet in threads of one process, again and again, and leave no descriptor behind") {
  const int before = open_descriptors();
  for (int round = 0; round < 10; ++round) {
    const int port = free_port();
    const auto results = on_threads(3, [&](int rank) { return meet_and_talk(tcp_options(rank, 3, port)); });
    CHECK(results[0] == "1 2 ");
    CHECK(results[2] == "0 1 ");
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("one rank alone needs nobody") {
  TcpOptions options = tcp_options(0, 1, 0);
  const Mesh mesh = meet(options);
  CHECK(mesh.peers.size() == 1);
  CHECK_FALSE(mesh.peers[0].control);
}

TEST_CASE("rank 0 may come late") {
  const int port = free_port();
  const auto results = on_threads(3, [&](int rank) {
    if (rank == 0) sleep_for(std::chrono::seconds(2));
    return meet_and_talk(tcp_options(rank, 3, port));
  });
  CHECK(results[0] == "1 2 ");
  CHECK(results[1] == "0 2 ");
}

TEST_CASE("rank 0 may come twenty seconds late" * doctest::test_suite("long")) {
  const int port = free_port();
  const auto results = on_threads(3, [&](int rank) {
    if (rank == 0) sleep_for(std::chrono::seconds(20));
    TcpOptions options = tcp_options(rank, 3, port);
    options.connect_deadline = std::chrono::seconds(40);
    return meet_and_talk(options);
  });
  CHECK(results[0] == "1 2 ");
  CHECK(results[1] == "0 2 ");
}

TEST_CASE("a port that was free is published by a callback or in a file") {
  std::atomic<int> port{0};
  const auto by_callback = on_threads(2, [&](int rank) {
    while (rank == 1 && port == 0) sleep_for(std::chrono::milliseconds(1));
    Mesh mesh = meet(tcp_options(rank, 2, port), [&](const SocketAddress& address) { port = address.port(); });
    return talk(mesh);
  });
  CHECK(by_callback[0] == "1 ");
  CHECK(by_callback[1] == "0 ");

  const TemporaryPath path("address");
  {  // left by a run that crashed
    const FileDescriptor stale = open_file(path.text, O_WRONLY | O_CREAT, 0600);
    const std::string text = concat("127.0.0.1 ", free_port(), "\n");
    write_all(stale, text.data(), text.size(), path.text);
  }
  Processes ranks(3, [&](int rank) {
    if (rank == 0) sleep_for(std::chrono::milliseconds(300));
    TcpOptions options = tcp_options(rank, 3, 0);
    options.address_file = path.text;
    return meet_and_talk(options);
  });
  const auto by_file = ranks.wait_all();
  CHECK(by_file[0].text == "1 2 ");
  CHECK(by_file[2].text == "0 1 ");
  CHECK(::access(path.text.c_str(), F_OK) != 0);

  CHECK(contains(error_text<ArgumentError>([] { meet(tcp_options(1, 2, 0)); }),
                 "rank 1 needs TcpOptions::master_port or address_file"));
}

TEST_CASE("who does not come is named to all who wait, with the same words") {
  const int port = free_port();
  const auto results = on_threads(3, [&](int rank) {
    TcpOptions options = tcp_options(rank, 5, port);
    options.connect_deadline = std::chrono::seconds(1);
    return meet_and_talk(options);
  });
  CHECK(contains(results[0], concat("3 of 5 ranks came to rank 0 at 127.0.0.1:", port, " in time; missing: 3, 4")));
  CHECK(contains(results[0], "raise TcpOptions::connect_deadline"));
  CHECK(results[1] == results[0]);
  CHECK(results[2] == results[0]);
}

TEST_CASE("a master that is not there, or a port that is wrong, is named with what was tried") {
  TcpOptions options = tcp_options(1, 2, free_port());
  options.connect_deadline = std::chrono::milliseconds(300);
  const std::string text = error_text<CommunicationError>([&] { meet(options); });
  CHECK(contains(text, concat("did not reach rank 0 at 127.0.0.1 port ", options.master_port, " in time: tried ")));
  CHECK(contains(text, "Connection refused"));
  CHECK(contains(text, "rank 0 has not started, ended early, or listens elsewhere"));

  options.master_address = "no-such-host.invalid";
  CHECK(contains(error_text<CommunicationError>([&] { meet(options); }), "'no-such-host.invalid'"));
}

TEST_CASE("a port that another program holds is named by both sides") {
  const FileDescriptor holder = listen_on(*numeric_address("127.0.0.1", 0), {}, Deadline::after({}));
  const auto results = on_threads(2, [&](int rank) {
    TcpOptions options = tcp_options(rank, 2, local_address(holder.get()).port());
    options.connect_deadline = std::chrono::milliseconds(300);
    return meet_and_talk(options);
  });
  CHECK(contains(results[0], "Address already in use; another program or job holds this port"));
  CHECK(contains(results[1], "did not reach rank 0"));
}

TEST_CASE("a rank killed before it comes is missing; one killed after it came is named at once") {
  const int port = free_port();
  const auto run = [&](bool early) {
    Processes ranks(3, [&](int rank) {
      TcpOptions options = tcp_options(rank, 4, port);  // rank 3 never comes: nobody gets past the meeting
      options.connect_deadline = std::chrono::seconds(early ? 2 : 60);
      if (rank == 1 && early) ::raise(SIGKILL);
      return meet_and_talk(options);
    });
    if (!early) {
      sleep_for(std::chrono::milliseconds(500));
      ::kill(ranks[1], SIGKILL);
    }
    const pid_t process = ranks[1];
    const auto results = ranks.wait_all();
    CHECK(results[2].text == results[0].text);
    CHECK(contains(results[0].text,
                   early ? "missing: 1, 3" : concat("pid ", process, ") ended before all ranks had met")));
    CHECK(contains(results[0].text, early ? "2 of 4 ranks" : "rank 1 (host "));
    CHECK(results[0].seconds < 20);
  };
  run(true);
  run(false);
}

TEST_CASE("rank 0 killed in the meeting is known at once to those who had reached it") {
  const int port = free_port();
  Processes ranks(3, [&](int rank) { return meet_and_talk(tcp_options(rank, 4, port)); });
  sleep_for(std::chrono::milliseconds(500));
  ::kill(ranks[0], SIGKILL);
  const auto results = ranks.wait_all();
  for (const int rank : {1, 2}) {
    const std::string& text = results[static_cast<std::size_t>(rank)].text;
    CHECK(contains(text, "rank 0 (host "));
    CHECK(contains(text, ") ended before all ranks had met"));
    CHECK(results[static_cast<std::size_t>(rank)].seconds < 15);
  }
}

TEST_CASE("rank 0 stopped in the meeting is known by the deadline") {
  const int port = free_port();
  Processes ranks(2, [&](int rank) {
    TcpOptions options = tcp_options(rank, 3, port);
    options.connect_deadline = std::chrono::seconds(rank == 0 ? 60 : 2);
    return meet_and_talk(options);
  });
  sleep_for(std::chrono::milliseconds(700));
  ::kill(ranks[0], SIGSTOP);
  const ProcessResult result = ranks.wait(1, Deadline::after(std::chrono::seconds(30)));
  CHECK(contains(result.text, concat("reached rank 0 at 127.0.0.1:", port, ", but did not hear from it in time")));
}

TEST_CASE("a rank that dies among the connections of the others ends the meeting for all") {
  const int port = free_port();
  const auto results = on_threads(3, [&](int rank) -> std::string {
    if (rank != 1) return meet_and_talk(tcp_options(rank, 3, port));
    FakeRank fake(tcp_options(1, 3, port));
    const FileDescriptor listener = listen_on(*numeric_address("127.0.0.1", 0), {}, Deadline::after({}));
    fake.join();
    fake.register_at(local_address(listener.get()).port());
    for (int line = 0; line < 3; ++line) fake.hear();  // the table: the others are under way to this one
    return "dies";
  });
  CHECK(contains(results[0], "rank 1 (host fake, pid 4242) ended before all ranks had met"));
  CHECK(results[2] == results[0]);
}

TEST_CASE("a rank that another cannot reach is named to all") {
  const int port = free_port();
  const auto results = on_threads(3, [&](int rank) -> std::string {
    TcpOptions options = tcp_options(rank, 3, port);
    options.connect_deadline = std::chrono::seconds(2);
    if (rank != 1) return meet_and_talk(options);
    FakeRank fake(options);
    fake.join();
    const int closed = free_port();
    fake.register_at(closed);
    for (int line = 0; line < 3; ++line) fake.hear();
    return fake.hear().text + concat(" ", closed);
  });
  CHECK(contains(results[0], "rank 2 (host "));
  CHECK(contains(results[0], " did not reach rank 1 in time: tried "));
  CHECK(contains(results[0], "Connection refused; does a firewall stand between"));
  CHECK(results[2] == results[0]);
  CHECK(contains(results[1], results[0].substr(std::string_view("ERROR: ").size())));
}

TEST_CASE("ranks that contradict end the meeting, and all who are there hear both named") {
  struct Contradiction {
    void (*change)(TcpOptions&);
    const char* text;
  };
  const Contradiction contradictions[] = {
      {[](TcpOptions& o) { o.size = 5; }, "disagree on the number of ranks: 5 and 4"},
      {[](TcpOptions& o) { o.size = 8, o.rank = 7; }, "disagree on the number of ranks: 8 and 4"},
      {[](TcpOptions& o) { o.sockets_per_peer = 2; }, "sockets_per_peer 2 and 1"},
      {[](TcpOptions& o) { o.encrypt = true; }, "encrypt true and false"},
      {[](TcpOptions& o) { o.rank = 1; }, "two processes came as rank 1: one on host "},
  };
  for (const Contradiction& contradiction : contradictions) {
    CAPTURE(contradiction.text);
    const int port = free_port();
    const auto results = on_threads(3, [&](int rank) {
      TcpOptions options = tcp_options(rank, 4, port);
      if (rank == 2) {
        sleep_for(std::chrono::milliseconds(200));  // rank 1 is there
        contradiction.change(options);
      }
      return meet_and_talk(options);
    });
    CHECK(contains(results[0], contradiction.text));
    CHECK(results[1] == results[0]);
    CHECK(results[2] == results[0]);
    CHECK(contains(results[0], "pid "));
  }
}

TEST_CASE("ranks of different versions are told so") {
  const int port = free_port();
  const auto results = on_threads(2, [&](int rank) -> std::string {
    if (rank == 0) return meet_and_talk(tcp_options(0, 2, port));
    FakeRank fake(tcp_options(1, 2, port));
    fake.settings.self.version = tcp_protocol_version + 1;
    fake.join();
    return "let in";
  });
  CHECK(contains(results[0], "rank 1 (host fake, pid 4242) and rank 0 (host "));
  CHECK(contains(results[0], "were built with different versions of lockstep: their protocols are 2 and 1"));
  CHECK(results[1] == results[0]);
}

TEST_CASE("a rank that the world does not have is named to all") {
  const int port = free_port();
  const auto results = on_threads(3, [&](int rank) -> std::string {
    if (rank < 2) return meet_and_talk(tcp_options(rank, 3, port));
    sleep_for(std::chrono::milliseconds(200));
    FakeRank fake(tcp_options(2, 3, port));
    fake.settings.self.rank = 3;
    fake.join();
    return "let in";
  });
  CHECK(contains(results[0], "rank 3 (host fake, pid 4242) came to a job of 3 ranks, the last of which is rank 2"));
  CHECK(results[1] == results[0]);
  CHECK(results[2] == results[0]);
}

TEST_CASE("a rank that fails on its own takes its reason to all") {
  const int port = free_port();
  const auto results = on_threads(3, [&](int rank) {
    TcpOptions options = tcp_options(rank, 3, port);
    if (rank == 1) options.bind_address = "192.0.2.1";
    return meet_and_talk(options);
  });
  CHECK(contains(results[1], "cannot listen at 192.0.2.1:0: Cannot assign requested address"));
  CHECK(results[0] == results[1]);
  CHECK((results[2] == results[1] || contains(results[2], "did not reach rank 0")));  // it may come too late to hear
}

TEST_CASE("a rank of the job that breaks the rules of the meeting ends it") {
  const int port = free_port();
  const auto results = on_threads(2, [&](int rank) -> std::string {
    if (rank == 0) return meet_and_talk(tcp_options(0, 2, port));
    FakeRank fake(tcp_options(1, 2, port));
    fake.join();
    fake.channel.send({.kind = ControlKind::ready});  // before it has said where it listens
    fake.channel.flush();
    return fake.hear().text;
  });
  CHECK(contains(results[0], "rank 1 (host fake, pid 4242) said something out of place while the ranks met"));
  CHECK(contains(results[0], results[1]));
}

TEST_CASE("a rank left over from another epoch is turned away, and the others meet") {
  const int port = free_port();
  const auto results = on_threads(4, [&](int rank) {
    TcpOptions options = tcp_options(rank % 3, 3, port);
    options.epoch = rank == 3 ? 4 : 5;
    options.rank = rank == 3 ? 2 : rank;
    if (rank == 2) sleep_for(std::chrono::milliseconds(300));
    return meet_and_talk(options);
  });
  CHECK(results[0] == "1 2 ");
  CHECK(results[2] == "0 1 ");
  CHECK(contains(results[3], "belong to different lives of the job: their epochs are 4 and 5"));
}

TEST_CASE("two jobs at one port do not mix: the second meets when the first has met, and is done with the port") {
  const int port = free_port();
  const auto results = on_threads(4, [&](int thread) {
    TcpOptions options = tcp_options(thread % 2, 2, port);
    options.local_rank = thread;
    if (thread >= 2) {
      options.job_id = "another job";
      sleep_for(std::chrono::milliseconds(100));
    } else if (thread == 1) {
      sleep_for(std::chrono::milliseconds(1000));  // meanwhile the other job knocks
    }
    Mesh mesh = meet(options);
    return talk(mesh) + concat("with ", mesh.peers[1 - static_cast<std::size_t>(mesh.rank)].local_rank);
  });
  CHECK(results[0] == "1 with 1");
  CHECK(results[1] == "0 with 0");
  CHECK(results[2] == "1 with 3");
  CHECK(results[3] == "0 with 2");
}

TEST_CASE("a rank whose port another job holds says so") {
  const int port = free_port();
  const auto results = on_threads(2, [&](int rank) {
    TcpOptions options = tcp_options(rank, 2, port);
    options.connect_deadline = std::chrono::milliseconds(rank == 0 ? 1500 : 700);
    if (rank == 1) options.job_id = "another job";
    return meet_and_talk(options);
  });
  CHECK(contains(results[0], "connections were turned away that did not prove to be of this job"));
  CHECK(contains(results[1], "it ended the connection without proving that it knows this job"));
  CHECK(contains(results[1], "another program holds the port, or rank 0 has another secret or job id"));
}

TEST_CASE("the same job with another secret is turned away, and rank 0 says how many were") {
  const int port = free_port();
  const auto results = on_threads(2, [&](int rank) {
    TcpOptions options = tcp_options(rank, 2, port);
    options.connect_deadline = std::chrono::milliseconds(700);
    options.secret = secret(1 + rank);
    return meet_and_talk(options);
  });
  CHECK(contains(results[0], "missing: 1"));
  CHECK(contains(results[0], "connections were turned away that did not prove to be of this job"));
  CHECK(contains(results[1], "it knows the id of this job, but not its secret"));
}

TEST_CASE("an address open to other machines needs a secret, or a word of trust") {
  for (const int rank : {0, 1}) {
    TcpOptions options = tcp_options(rank, 2, 29500);
    options.master_address = "192.0.2.1";
    options.secret.reset();
    options.connect_deadline = std::chrono::milliseconds(300);
    const std::string text = error_text<EnvironmentError>([&] { meet(options); });
    CHECK(contains(text, "192.0.2.1 is open to other machines, but the job has no secret"));
    CHECK(contains(text, "LOCKSTEP_SECRET_FILE"));
    CHECK(contains(text, "insecure_i_trust_this_network"));
    options.insecure_i_trust_this_network = true;
    CHECK_FALSE(contains(error_text<CommunicationError>([&] { meet(options); }), "secret"));
  }
}

TEST_CASE("without a secret, ranks still meet on the loopback interface") {
  const int port = free_port();
  const auto results = on_threads(2, [&](int rank) {
    TcpOptions options = tcp_options(rank, 2, port);
    options.secret.reset();
    return meet_and_talk(options);
  });
  CHECK(results[0] == "1 ");
}

TEST_CASE("ranks that meet on a network listen on its interface only") {
  std::string address;
  ifaddrs* interfaces = nullptr;
  REQUIRE(::getifaddrs(&interfaces) == 0);
  for (const ifaddrs* entry = interfaces; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    SocketAddress candidate;
    std::memcpy(&candidate.storage, entry->ifa_addr, sizeof(sockaddr_in));
    candidate.length = sizeof(sockaddr_in);
    if (!candidate.is_loopback()) address = candidate.host();
  }
  ::freeifaddrs(interfaces);
  if (address.empty()) {
    MESSAGE("this machine has no network besides the loopback interface");
    return;
  }
  const int port = free_port();
  const auto results = on_threads(2, [&](int rank) {
    TcpOptions options = tcp_options(rank, 2, port);
    options.master_address = address;
    Mesh mesh = meet(options);
    return talk(mesh) + mesh.peers[0].address + " " + mesh.peers[1].address;
  });
  CHECK(contains(results[0], concat("1 ", address, ":", port, " ", address, ":")));
}

TEST_CASE("an address in which all interfaces are meant is refused") {
  TcpOptions options = tcp_options(0, 2, 0);
  options.bind_address = "0.0.0.0";
  CHECK(contains(error_text<ArgumentError>([&] { meet(options); }), "means every interface"));
}

TEST_CASE("too few open files are an error before anything begins") {
  Processes rank(1, [](int) {
    const rlimit limit{128, 128};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return meet_and_talk(tcp_options(0, 100, 29500));
  });
  const std::string text = rank.wait_all()[0].text;
  CHECK(contains(text, "100 ranks with 3 connections between any two need about 377 open files"));
  CHECK(contains(text, "the limit is 128; raise it (ulimit -n)"));
}
