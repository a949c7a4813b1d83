// The one entry point of fuzzing: gives any bytes to everything that reads bytes from the network before or after a
// rank has proved itself. libfuzzer.cpp drives it for as long as one likes, parsers.cpp for a moment in every run of
// the tests.
#pragma once

#include <lockstep/comm/tcp/frame.hpp>
#include <lockstep/comm/tcp/handshake.hpp>
#include <lockstep/comm/tcp/handshake_messages.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lockstep::testing {

template <std::size_t Bytes>
bool begins_with(std::span<const std::byte> bytes, const std::array<std::byte, Bytes>& expected, std::size_t count) {
  return bytes.size() >= count &&
         std::equal(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(count), bytes.begin());
}

/// What is wrong with the parsers, as these bytes show; null when nothing is. A parser takes exactly the length of its
/// message, and what it accepts is what the encoder of the same message makes.
inline const char* check_parsers(std::span<const std::byte> bytes) {
  using namespace lockstep::detail;
  if (const auto parsed = parse_client_hello(bytes)) {
    if (!begins_with(bytes, encode(parsed.value), ClientHello::bytes)) return "client hello is not what it was";
  }
  if (const auto parsed = parse_server_hello(bytes)) {
    if (!begins_with(bytes, encode(parsed.value), ServerHello::bytes)) return "server hello is not what it was";
  }
  if (const auto parsed = parse_client_proof(bytes)) {
    if (!begins_with(bytes, encode(parsed.value), ClientProof::bytes)) return "client proof is not what it was";
  }
  if (const auto parsed = parse_verdict(bytes)) {
    if (!begins_with(bytes, encode(parsed.value), Verdict::bytes)) return "verdict is not what it was";
  }
  if (const auto parsed = parse_data_header(bytes)) {
    if (!begins_with(bytes, encode(parsed.value), DataHeader::bytes)) return "data header is not what it was";
    if (parsed.value.length > DataHeader::max_length) return "data header has an impossible length";
  }
  std::uint64_t sequence = 0;
  if (const auto parsed = parse_control_frame(bytes, sequence)) {
    if (!begins_with(bytes, encode(parsed.value, Digest{}, sequence), ControlFrame::signed_bytes)) {
      return "control frame is not what it was";
    }
    if (parsed.value.text.size() >= ControlFrame::text_field || parsed.value.host.size() >= host_field) {
      return "control frame has too long a text";
    }
  }
  return nullptr;
}

/// The same for the two sides of the handshake, which have a key that the bytes cannot know: neither ever gets further
/// than its first message, and neither asks for more bytes than its messages have.
inline const char* check_handshakes(std::span<const std::byte> bytes) {
  using namespace lockstep::detail;
  static const JobKey key = [] {
    JobKey unknown = JobKey::from("fuzz", {});
    fill_with_random(unknown.key);
    return unknown;
  }();
  const auto feed = [&](auto& side) {
    std::span<const std::byte> rest = bytes;
    std::size_t taken = 0;
    while (!rest.empty() && !side.input().empty()) {
      const std::size_t count = std::min({rest.size(), side.input().size(), 1 + taken % 97});
      std::copy_n(rest.begin(), count, side.input().begin());
      side.sent(side.output().size());
      side.received(count);
      rest = rest.subspan(count);
      taken += count;
    }
    return taken;
  };
  RankIdentity self;
  self.size = 2;
  ServerHandshake server(self, key);
  if (feed(server) > ClientHello::bytes + ClientProof::bytes) return "the server read too much";
  if (server.state() == ServerHandshake::State::proved) return "the server believed a stranger";
  self.rank = 1;
  ClientHandshake client(self, key, 0, {});
  if (feed(client) > ServerHello::bytes) return "the client read too much";
  if (client.state() != ClientHandshake::State::answer && client.state() != ClientHandshake::State::stranger) {
    return "the client believed a stranger";
  }
  return nullptr;
}

}  // namespace lockstep::testing
