// Runs the entry point of the fuzzer on the corpus and on a fixed number of changed inputs, the same in every run.
// The corpus is made here: LOCKSTEP_WRITE_CORPUS=1 writes the files anew, which a change of the messages needs.
#include "check_parsers.hpp"
#include <lockstep/core/file.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

using Bytes = std::vector<std::byte>;

template <std::size_t Size>
Bytes copy(const std::array<std::byte, Size>& bytes) {
  return {bytes.begin(), bytes.end()};
}

/// One valid message of each kind, and what often breaks parsers.
std::vector<std::pair<std::string, Bytes>> seeds() {
  ClientHello hello;
  hello.job = JobKey::from("fuzz", {}).job;
  hello.rank = 1;
  hello.size = 2;
  ServerHello answer;
  answer.size = 2;
  ClientProof proof{4242, "host-1", {}};
  Verdict accepted{true, 4243, "host-0", "", {}};
  Verdict refused{false, 4243, "host-0", "two processes came as rank 1", {}};
  ControlFrame failure{.kind = ControlKind::failure, .epoch = 1, .culprit = 1};
  failure.text = "rank 1 ended";
  ControlFrame peer{.kind = ControlKind::peer, .culprit = 1, .process = 4242, .port = 29500};
  peer.host = "host-1";
  peer.text = "fe80::1%eth0";
  const DataHeader data{.epoch = 1, .sequence = 2, .fingerprint = 3, .length = 4096, .step = 5};
  Bytes both = copy(encode(hello));
  const auto behind = encode(proof);
  both.insert(both.end(), behind.begin(), behind.end());
  return {{"client_hello", copy(encode(hello))},
          {"server_hello", copy(encode(answer))},
          {"client_proof", copy(encode(proof))},
          {"client_hello_and_proof", both},
          {"verdict_accepted", copy(encode(accepted))},
          {"verdict_refused", copy(encode(refused))},
          {"control_heartbeat", copy(encode(ControlFrame{}, Digest{}, 0))},
          {"control_failure", copy(encode(failure, Digest{}, 7))},
          {"control_peer", copy(encode(peer, Digest{}, 8))},
          {"data_header", copy(encode(data))},
          {"data_header_length_too_large", copy(encode(DataHeader{.length = ~std::uint64_t{0}}))},
          {"empty", {}}};
}

std::string path_of(const std::string& name) { return "tests/comm/tcp/fuzz/corpus/" + name + ".bin"; }

/// Changes an input in one of the ways in which attackers and bad cables do.
void change(Bytes& bytes, std::mt19937_64& random, const std::vector<std::pair<std::string, Bytes>>& others) {
  const auto place = [&] { return static_cast<std::size_t>(random() % bytes.size()); };
  if (bytes.empty()) bytes.push_back(std::byte{0});
  switch (random() % 6) {
    case 0:
      bytes[place()] ^= std::byte{1} << (random() % 8);
      break;
    case 1:
      bytes[place()] = static_cast<std::byte>(random());
      break;
    case 2: {  // a number at its limits
      static constexpr std::uint64_t limits[] = {0,
                                                 1,
                                                 0x7f,
                                                 0x80,
                                                 0xff,
                                                 0x7fff,
                                                 0xffff,
                                                 0x7fffffff,
                                                 0x80000000,
                                                 0xffffffff,
                                                 std::uint64_t{1} << 48,
                                                 ~std::uint64_t{0}};
      std::uint64_t value = limits[random() % std::size(limits)];
      const std::size_t width = std::size_t{1} << (random() % 4), start = place() / width * width;
      for (std::size_t i = start; i < std::min(bytes.size(), start + width); ++i, value >>= 8) {
        bytes[i] = static_cast<std::byte>(value & 0xff);
      }
      break;
    }
    case 3:
      bytes.resize(random() % (bytes.size() + 1));
      break;
    case 4:
      bytes.resize(bytes.size() + random() % 64, static_cast<std::byte>(random()));
      break;
    default: {  // a piece of another message
      const Bytes& other = others[random() % others.size()].second;
      if (other.empty()) break;
      const std::size_t from = random() % other.size(), to = place();
      const std::size_t count = std::min(other.size() - from, bytes.size() - to);
      std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(from), count,
                  bytes.begin() + static_cast<std::ptrdiff_t>(to));
    }
  }
}

/// Gives changed messages to all parsers; how many of them a parser accepted.
int try_changed_messages(int rounds, std::uint64_t seed) {
  const auto originals = seeds();
  std::mt19937_64 random(seed);
  int accepted = 0;
  for (int round = 0; round < rounds; ++round) {
    Bytes bytes = originals[random() % originals.size()].second;
    for (std::uint64_t changes = 1 + random() % 4; changes > 0; --changes) change(bytes, random, originals);
    const char* fault = check_parsers(bytes);
    if (fault == nullptr && round % 16 == 0) fault = check_handshakes(bytes);
    if (fault != nullptr) {
      CAPTURE(round);
      FAIL(fault);
    }
    std::uint64_t sequence = 0;
    accepted += static_cast<bool>(parse_client_hello(bytes)) || static_cast<bool>(parse_data_header(bytes)) ||
                static_cast<bool>(parse_control_frame(bytes, sequence));
  }
  return accepted;
}

}  // namespace

TEST_CASE("the corpus holds what its program makes, and the parsers take it") {
  for (const auto& seed : seeds()) {
    const std::string& name = seed.first;
    const Bytes& bytes = seed.second;
    CAPTURE(name);
    if (std::getenv("LOCKSTEP_WRITE_CORPUS") != nullptr) {
      const FileDescriptor file = open_file(path_of(name), O_WRONLY | O_CREAT | O_TRUNC);
      write_all(file, bytes.data(), bytes.size(), path_of(name));
    }
    const std::string content = read_file(path_of(name));
    CHECK(std::ranges::equal(std::as_bytes(std::span(content)), bytes));
    CHECK(check_parsers(bytes) == nullptr);
    CHECK(check_handshakes(bytes) == nullptr);
  }
}

TEST_CASE("the valid messages of the corpus are accepted, so that changes of them reach deep") {
  std::uint64_t sequence = 0;
  int accepted = 0;
  for (const auto& [name, bytes] : seeds()) {
    accepted += static_cast<bool>(parse_client_hello(bytes)) + static_cast<bool>(parse_server_hello(bytes)) +
                static_cast<bool>(parse_client_proof(bytes)) + static_cast<bool>(parse_verdict(bytes)) +
                static_cast<bool>(parse_data_header(bytes)) + static_cast<bool>(parse_control_frame(bytes, sequence));
  }
  CHECK(accepted == 9);
}

TEST_CASE("two hundred thousand changed messages break no parser and convince nobody") {
  CHECK(try_changed_messages(200'000, 20) > 10'000);  // the changes are not so wild that none gets anywhere
}

TEST_CASE("ten million changed messages neither" * doctest::test_suite("long")) {
  CHECK(try_changed_messages(10'000'000, 21) > 500'000);
}
