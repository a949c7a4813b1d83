#include "tcp_test.hpp"
#include <lockstep/comm/tcp/frame.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

Digest key(int number = 1) {
  Digest result;
  result.fill(static_cast<std::byte>(number));
  return result;
}

ControlFrame full_frame() {
  ControlFrame frame;
  frame.kind = ControlKind::peer;
  frame.epoch = 3;
  frame.culprit = 5;
  frame.calls = 0x1234567890;
  frame.fingerprint = 0xfedcba9876543210;
  frame.process = 4321;
  frame.port = 65535;
  frame.host = "node-1";
  frame.text = "fe80::1%eth0";
  return frame;
}

/// A frame with a correct code whose byte at `offset` was another when the code was made.
auto forged(std::size_t offset, int value) {
  auto bytes = encode(full_frame(), key(), 0);
  bytes[offset] = static_cast<std::byte>(value);
  const Proof mac = control_mac(key(), std::span<const std::byte>(bytes).first(ControlFrame::signed_bytes));
  std::copy_n(mac.begin(), ControlFrame::mac_bytes, bytes.end() - ControlFrame::mac_bytes);
  return bytes;
}

}  // namespace

TEST_CASE("a data header comes back as it was sent") {
  const DataHeader sent{.epoch = 1, .sequence = 2, .fingerprint = 3, .length = DataHeader::max_length, .step = 5};
  const auto parsed = parse_data_header(encode(sent));
  REQUIRE(parsed);
  CHECK(parsed.value == sent);
}

TEST_CASE("a data header of another length or beginning, or with an impossible length, is refused") {
  auto bytes = encode(DataHeader{});
  CHECK_FALSE(parse_data_header(std::span(bytes).first(39)));
  CHECK_FALSE(parse_data_header({}));
  CHECK_FALSE(parse_data_header(encode(DataHeader{.length = DataHeader::max_length + 1})));
  bytes[0] ^= std::byte{1};
  CHECK(std::string(parse_data_header(bytes).error) == "this is no header of a collective");
}

TEST_CASE("headers are compared in the order that explains most") {
  const DataHeader expected{.epoch = 1, .sequence = 2, .fingerprint = 3, .length = 4, .step = 5};
  CHECK(compare(expected, expected) == HeaderDifference::none);
  DataHeader other = expected;
  other.length = 0;
  CHECK(compare(other, expected) == HeaderDifference::length);
  other.step = 0;
  CHECK(compare(other, expected) == HeaderDifference::step);
  other.fingerprint = 0;
  CHECK(compare(other, expected) == HeaderDifference::fingerprint);
  other.sequence = 0;
  CHECK(compare(other, expected) == HeaderDifference::sequence);
  other.epoch = 0;
  CHECK(compare(other, expected) == HeaderDifference::epoch);
}

TEST_CASE("a control frame comes back as it was sent") {
  const auto parsed = open_control_frame(encode(full_frame(), key(), 7), key(), 7);
  REQUIRE(parsed);
  CHECK(parsed.value == full_frame());
}

TEST_CASE("a text that is too long is cut, not refused") {
  ControlFrame frame{.kind = ControlKind::failure};
  frame.text = std::string(5000, 'x');
  const auto parsed = open_control_frame(encode(frame, key(), 0), key(), 0);
  REQUIRE(parsed);
  CHECK(parsed.value.text.size() == ControlFrame::text_field - 1);
}

TEST_CASE("a control frame of another key, place or connection is refused") {
  const auto bytes = encode(full_frame(), key(1), 7);
  CHECK(std::string(open_control_frame(bytes, key(2), 7).error) == "the frame's authentication code is wrong");
  CHECK(std::string(open_control_frame(bytes, key(1), 8).error) == "a frame was repeated or lost");
  CHECK_FALSE(open_control_frame(std::span(bytes).first(100), key(1), 7));
}

TEST_CASE("no bit of a control frame can be changed") {
  auto bytes = encode(full_frame(), key(), 7);
  int accepted = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 5) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    accepted += static_cast<bool>(open_control_frame(bytes, key(), 7));
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  CHECK(accepted == 0);
}

TEST_CASE("even a rank of the job cannot send what makes no sense") {
  CHECK(open_control_frame(forged(1020, 0), key(), 0));
  CHECK(std::string(open_control_frame(forged(0, 0), key(), 0).error) == "this is no control frame");
  CHECK(std::string(open_control_frame(forged(4, 0), key(), 0).error) == "the frame is of an unknown kind");
  CHECK(std::string(open_control_frame(forged(4, 7), key(), 0).error) == "the frame is of an unknown kind");
  CHECK(std::string(open_control_frame(forged(5, 1), key(), 0).error) == "the frame is of an unknown kind");
  CHECK(std::string(open_control_frame(forged(43, 0x40), key(), 0).error) ==
        "the frame names an impossible rank or process");
  CHECK(std::string(open_control_frame(forged(47, 0x80), key(), 0).error) ==
        "the frame names an impossible rank or process");
  CHECK(std::string(open_control_frame(forged(50, 1), key(), 0).error) == "the frame names an impossible port");
  CHECK(std::string(open_control_frame(forged(56, 27), key(), 0).error) == "a text of the frame is malformed");
  CHECK(std::string(open_control_frame(forged(1007, 1), key(), 0).error) == "a text of the frame is malformed");
}
