// Who is not of the job can neither join a meeting, nor learn from it, nor hold it up.
#include "fake_rank.hpp"
#include "proxy.hpp"
#include "tcp_test.hpp"
#include <lockstep/comm/tcp/rendezvous.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <vector>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

/// The ports at which this process listens.
std::vector<int> own_listening_ports() {
  std::vector<int> ports;
  for (int handle = 0; handle < 1024; ++handle) {
    int listening = 0;
    socklen_t length = sizeof listening;
    sockaddr_storage address{};
    socklen_t address_length = sizeof address;
    if (::getsockopt(handle, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 || listening == 0) continue;
    if (::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &address_length) != 0) continue;
    SocketAddress own;
    own.storage = address;
    own.length = address_length;
    if (own.family() == AF_INET) ports.push_back(own.port());
  }
  return ports;
}

void say(const FileDescriptor& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

template <std::size_t Bytes>
std::string text_of(const std::array<std::byte, Bytes>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), Bytes};
}

/// A hello of someone who knows the id of the job.
ClientHello informed_hello() {
  ClientHello hello;
  hello.job = JobKey::from("test job", {}).job;
  hello.rank = 1;
  hello.size = 3;
  return hello;
}

/// Three ranks meet, the last of them late, while `stranger(port)` does its worst at every port where one of them
/// listens, again and again until they have met. Returns how long the meeting took after the last rank had come.
template <class Stranger>
double meet_despite(Stranger stranger) {
  const int port = free_port();
  std::atomic<bool> met = false;
  std::atomic<int> visits = 0;
  double seconds = 0;
  const auto results = on_threads(4, [&](int thread) -> std::string {
    if (thread == 3) {
      while (!met) {
        for (const int open : own_listening_ports()) {
          stranger(open);
          ++visits;
        }
        sleep_for(std::chrono::milliseconds(10));
      }
      return "gone";
    }
    if (thread == 2) sleep_for(std::chrono::milliseconds(500));
    const auto start = std::chrono::steady_clock::now();
    try {
      meet(tcp_options(thread, 3, port));
    } catch (...) {
      met = true;
      throw;
    }
    if (thread == 2) seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    met = true;
    return "met";
  });
  CHECK(results[0] == "met");
  CHECK(results[1] == "met");
  CHECK(results[2] == "met");
  CHECK(visits > 1);  // both listeners had visitors
  return seconds;
}

}  // namespace

TEST_CASE("ranks meet though strangers connect and say nothing") {
  std::vector<FileDescriptor> silent;
  const double seconds = meet_despite([&](int port) {
    if (silent.size() < 30) silent.push_back(connect_as_stranger(port));
  });
  CHECK(seconds < 5);
}

TEST_CASE("ranks meet though strangers make five hundred connections and hold them") {
  std::vector<FileDescriptor> flood;
  const double seconds = meet_despite([&](int port) {
    while (flood.size() < 500) flood.push_back(connect_as_stranger(port));
  });
  CHECK(flood.size() == 500);
  CHECK(seconds < 15);
}

TEST_CASE("ranks meet though strangers send noise, and nobody answers it") {
  std::mt19937 random(17);
  std::size_t answered = 0;
  meet_despite([&](int port) {
    const FileDescriptor stranger = connect_as_stranger(port);
    std::string noise(1 + random() % 4096, '\0');
    std::ranges::generate(noise, [&] { return static_cast<char>(random()); });
    if (stranger) say(stranger, noise);
    if (noise.size() >= ClientHello::bytes && stranger)
      answered += read_until_end(stranger, std::chrono::seconds(5)).size();
  });
  CHECK(answered == 0);
}

TEST_CASE("ranks meet though strangers end in the middle of a message") {
  const std::string hello = text_of(encode(informed_hello()));
  std::size_t length = 0;
  meet_despite([&](int port) {
    const FileDescriptor stranger = connect_as_stranger(port);
    if (stranger) say(stranger, std::string_view(hello).substr(0, length++ % hello.size()));
  });
}

TEST_CASE("ranks meet though strangers send megabytes, of which a few hundred bytes are read") {
  const std::string hello = text_of(encode(informed_hello())) + std::string(1 << 20, '\xff');
  meet_despite([&](int port) {
    const FileDescriptor stranger = connect_as_stranger(port);
    if (stranger) say(stranger, hello);
  });
}

TEST_CASE("ranks meet though strangers speak one letter at a time") {
  const std::string hello = text_of(encode(informed_hello()));
  std::vector<FileDescriptor> slow;
  std::size_t letter = 0;
  const double seconds = meet_despite([&](int port) {
    if (slow.size() < 200) slow.push_back(connect_as_stranger(port));
    for (const FileDescriptor& stranger : slow) {
      if (stranger) ::send(stranger.get(), &hello[letter % hello.size()], 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    ++letter;
  });
  CHECK(seconds < 10);
}

TEST_CASE("who knows the id of the job but not its secret learns a nonce and a proof, and nothing else") {
  std::size_t longest = 0;
  meet_despite([&](int port) {
    const FileDescriptor stranger = connect_as_stranger(port);
    if (!stranger) return;
    say(stranger, text_of(encode(informed_hello())) + text_of(encode(ClientProof{1, "host", {}})));
    longest = std::max(longest, read_until_end(stranger, std::chrono::seconds(5)).size());
  });
  CHECK(longest == ServerHello::bytes);
}

TEST_CASE("what was recorded from a meeting does not work in the next one") {
  std::string recording;
  {
    const int port = free_port();
    Proxy proxy(port);
    const auto results = on_threads(2, [&](int rank) -> std::string {
      meet(tcp_options(rank, 2, rank == 0 ? port : proxy.port()));
      return "met";
    });
    REQUIRE(results[0] == "met");
    REQUIRE(results[1] == "met");
    proxy.stop();
    recording = proxy.said_by_caller(0);
  }
  REQUIRE(recording.size() > ClientHello::bytes + ClientProof::bytes);
  recording.resize(ClientHello::bytes + ClientProof::bytes);
  std::size_t longest = 0;
  meet_despite([&](int open) {
    const FileDescriptor stranger = connect_as_stranger(open);
    if (!stranger) return;
    say(stranger, recording);
    longest = std::max(longest, read_until_end(stranger, std::chrono::seconds(5)).size());
  });
  CHECK(longest == ServerHello::bytes);
}

TEST_CASE("who listens in reads plain streams, and of encrypted ones only who met") {
  for (const bool encrypt : {false, true}) {
    CAPTURE(encrypt);
    const int port = free_port();
    Proxy proxy(port);
    const auto results = on_threads(2, [&](int rank) -> std::string {
      TcpOptions options = tcp_options(rank, 2, rank == 0 ? port : proxy.port());
      options.encrypt = encrypt;
      Mesh mesh = meet(options);
      MeshPeer& peer = mesh.peers[1 - static_cast<std::size_t>(rank)];
      const Deadline deadline = Deadline::after(std::chrono::seconds(20));
      if (rank == 1) {
        ControlFrame frame{.kind = ControlKind::failure};
        frame.text = "words on control";
        peer.control.send(frame);
        peer.control.flush();
        for (SecureStream* stream : {&peer.messages, &peer.data[0]}) {
          const std::string_view words = stream == &peer.messages ? "words in messages" : "words among data";
          if (stream->write_some(std::as_bytes(std::span(words))) != std::ssize(words)) return "not sent";
        }
      }
      if (rank == 0) {
        for (SecureStream* stream : {&peer.messages, &peer.data[0], &peer.control.stream()}) {
          std::array<std::byte, 64> heard;
          while (stream->read_some(heard) == stream_would_block && !deadline.passed()) {
            pollfd descriptor{stream->descriptor(), POLLIN, 0};
            wait_for_any({&descriptor, 1}, deadline);
          }
        }
      }
      return "met";
    });
    CHECK(results[0] == "met");
    CHECK(results[1] == "met");
    proxy.stop();
    for (const char* words : {"words on control", "words in messages", "words among data"}) {
      CHECK(contains(proxy.everything(), words) == !encrypt);
    }
  }
}

TEST_CASE("who changes a byte of the meeting on its way ends it, and changes nothing else") {
  struct Change {
    std::size_t byte;
    bool encrypt;
  };
  // In the hello, in the proof, in the registration, in the message that follows the handshake of TLS.
  for (const Change& change : {Change{60, false}, Change{110, false}, Change{300, false}, Change{600, true}}) {
    CAPTURE(change.byte);
    const int port = free_port();
    Proxy proxy(port, 0, change.byte);
    const auto results = on_threads(2, [&](int rank) -> std::string {
      TcpOptions options = tcp_options(rank, 2, rank == 0 ? port : proxy.port());
      options.encrypt = change.encrypt;
      options.connect_deadline = std::chrono::seconds(3);
      const Mesh mesh = meet(options);
      return "met as " + describe(mesh.peers[1 - static_cast<std::size_t>(rank)]);
    });
    const bool before_the_proof = change.byte < ClientHello::bytes + ClientProof::bytes;
    if (before_the_proof) {  // a connection that fails so is tried again, and the second one is left alone
      CHECK(contains(results[0], "met as rank 1 "));
      CHECK(contains(results[1], "met as rank 0 "));
    } else {
      CHECK(contains(results[0], "ERROR: tcp: rank 1 (host "));
      CHECK(contains(results[0], "ended before all ranks had met"));
      CHECK(contains(results[1], "ERROR: tcp: "));
    }
  }
}
