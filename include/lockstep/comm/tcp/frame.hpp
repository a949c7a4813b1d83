// The two kinds of headers behind the handshake, both of fixed size: one before the bytes of a collective, and the
// frames of the control connection. Parsers are pure; no length that a frame names is ever used but to compare it.
#pragma once

#include <lockstep/comm/tcp/crypto.hpp>
#include <lockstep/comm/tcp/handshake_messages.hpp>
#include <lockstep/comm/tcp/wire.hpp>
#include <lockstep/core/on_demand.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace lockstep::detail {

/// Goes before the bytes of one step of a collective on a data connection, or before a message.
struct DataHeader {
  std::uint64_t epoch = 0;        ///< Of the communicator: what an earlier one sent is never taken for this one's.
  std::uint64_t sequence = 0;     ///< Number of the call on its communicator.
  std::uint64_t fingerprint = 0;  ///< Fingerprint::packed() of the call.
  std::uint64_t length = 0;       ///< Bytes that follow. The receiver knows how many it wants; see `compare`.
  std::uint32_t step = 0;         ///< Of the schedule of the call.
  static constexpr std::size_t bytes = 40;
  static constexpr std::uint64_t max_length = std::uint64_t{1} << 48;

  bool operator==(const DataHeader&) const = default;
};

inline constexpr std::uint32_t data_magic = 0x44534b4cU;  // "LKSD"

inline std::array<std::byte, DataHeader::bytes> encode(const DataHeader& header) {
  std::array<std::byte, DataHeader::bytes> bytes;
  WireWriter to(bytes);
  to.number(data_magic);
  to.number(header.step);
  to.number(header.epoch);
  to.number(header.sequence);
  to.number(header.fingerprint);
  to.number(header.length);
  return bytes;
}

inline Parsed<DataHeader> parse_data_header(std::span<const std::byte> bytes) {
  if (bytes.size() != DataHeader::bytes) return {{}, "the header has another length"};
  WireReader from(bytes);
  if (from.number<std::uint32_t>() != data_magic) return {{}, "this is no header of a collective"};
  Parsed<DataHeader> result;
  result.value.step = from.number<std::uint32_t>();
  result.value.epoch = from.number<std::uint64_t>();
  result.value.sequence = from.number<std::uint64_t>();
  result.value.fingerprint = from.number<std::uint64_t>();
  result.value.length = from.number<std::uint64_t>();
  if (!from.good()) return {{}, "the header is cut off"};
  if (result.value.length > DataHeader::max_length) return {{}, "the header names an impossible length"};
  return result;
}

/// The first thing in which two headers differ, in the order in which it explains most.
enum class HeaderDifference { none, epoch, sequence, fingerprint, step, length };

inline HeaderDifference compare(const DataHeader& received, const DataHeader& expected) {
  if (received.epoch != expected.epoch) return HeaderDifference::epoch;
  if (received.sequence != expected.sequence) return HeaderDifference::sequence;
  if (received.fingerprint != expected.fingerprint) return HeaderDifference::fingerprint;
  if (received.step != expected.step) return HeaderDifference::step;
  if (received.length != expected.length) return HeaderDifference::length;
  return HeaderDifference::none;
}

enum class ControlKind : std::uint8_t {
  heartbeat = 1,  ///< "I live": calls, fingerprint.
  failure,        ///< The communicator has failed: culprit, text.
  goodbye,        ///< This rank leaves in order; its connections end next.
  peer,           ///< One rank's line of the table of the meeting: culprit is its rank, and the fields below.
  ready,          ///< This rank has all its connections.
  go,             ///< All ranks are ready.
};

/// One frame of a control connection. Fields that its kind does not use stay at their defaults, on the wire as well.
struct ControlFrame {
  ControlKind kind = ControlKind::heartbeat;
  std::uint64_t epoch = 0;
  std::int32_t culprit = -1;      ///< failure: the rank that failed, -1 when none did. peer: the rank told of.
  std::uint64_t calls = 0;        ///< heartbeat: sequence number of the last call. peer: its local rank.
  std::uint64_t fingerprint = 0;  ///< heartbeat: of the last call.
  std::int32_t process = 0;       ///< peer
  std::uint16_t port = 0;         ///< peer: where it listens
  std::string host = {};          ///< peer: its name
  std::string text = {};          ///< failure: what happened. peer: the numeric address where it listens.

  static constexpr std::size_t mac_bytes = 16;
  static constexpr std::size_t bytes = 1024;
  static constexpr std::size_t signed_bytes = bytes - mac_bytes;
  static constexpr std::size_t text_field = signed_bytes - 56 - host_field;

  bool operator==(const ControlFrame&) const = default;
};

inline constexpr std::uint32_t control_magic = 0x43534b4cU;  // "LKSC"

LOCKSTEP_ON_DEMAND Proof control_mac(const Digest& key, std::span<const std::byte> signed_part) {
  return hmac_sha256(key, signed_part);
}

/// The frame as it goes out as number `sequence` of its connection and direction.
LOCKSTEP_ON_DEMAND std::array<std::byte, ControlFrame::bytes> encode(const ControlFrame& frame, const Digest& key,
                                                                     std::uint64_t sequence) {
  std::array<std::byte, ControlFrame::bytes> bytes;
  const std::span<std::byte> all(bytes);
  WireWriter to(all.first(ControlFrame::signed_bytes));
  to.number(control_magic);
  to.number(static_cast<std::uint32_t>(frame.kind));
  to.number(frame.epoch);
  to.number(sequence);
  to.number(frame.calls);
  to.number(frame.fingerprint);
  to.number(static_cast<std::uint32_t>(frame.culprit));
  to.number(static_cast<std::uint32_t>(frame.process));
  to.number(std::uint64_t{frame.port});
  to.text(frame.host, host_field);
  to.text(frame.text, ControlFrame::text_field);
  const Proof mac = control_mac(key, all.first(ControlFrame::signed_bytes));
  WireWriter(all.last(ControlFrame::mac_bytes)).bytes(std::span(mac).first(ControlFrame::mac_bytes));
  return bytes;
}

/// Takes a control frame apart without looking at its code; `sequence` is what it says of itself.
LOCKSTEP_ON_DEMAND Parsed<ControlFrame> parse_control_frame(std::span<const std::byte> bytes, std::uint64_t& sequence) {
  if (bytes.size() != ControlFrame::bytes) return {{}, "the frame has another length"};
  WireReader from(bytes.first(ControlFrame::signed_bytes));
  if (from.number<std::uint32_t>() != control_magic) return {{}, "this is no control frame"};
  Parsed<ControlFrame> result;
  ControlFrame& frame = result.value;
  const auto kind = from.number<std::uint32_t>();
  frame.epoch = from.number<std::uint64_t>();
  sequence = from.number<std::uint64_t>();
  frame.calls = from.number<std::uint64_t>();
  frame.fingerprint = from.number<std::uint64_t>();
  frame.culprit = static_cast<std::int32_t>(from.number<std::uint32_t>());
  frame.process = static_cast<std::int32_t>(from.number<std::uint32_t>());
  const auto port = from.number<std::uint64_t>();
  frame.host = from.text(host_field);
  frame.text = from.text(ControlFrame::text_field);
  if (!from.good() || from.left() != 0) return {{}, "a text of the frame is malformed"};
  if (kind < 1 || kind > static_cast<std::uint32_t>(ControlKind::go)) return {{}, "the frame is of an unknown kind"};
  frame.kind = static_cast<ControlKind>(kind);
  if (port > 65535) return {{}, "the frame names an impossible port"};
  frame.port = static_cast<std::uint16_t>(port);
  if (frame.culprit < -1 || frame.culprit >= static_cast<std::int32_t>(max_wire_ranks) || frame.process < 0) {
    return {{}, "the frame names an impossible rank or process"};
  }
  return result;
}

/// Takes apart a frame that must be number `sequence` of its connection; its code is checked first, and one that was
/// changed, repeated or left out fails.
LOCKSTEP_ON_DEMAND Parsed<ControlFrame> open_control_frame(std::span<const std::byte> bytes, const Digest& key,
                                                           std::uint64_t sequence) {
  if (bytes.size() != ControlFrame::bytes) return {{}, "the frame has another length"};
  const Proof mac = control_mac(key, bytes.first(ControlFrame::signed_bytes));
  if (!equal_in_constant_time(bytes.last(ControlFrame::mac_bytes), std::span(mac).first(ControlFrame::mac_bytes))) {
    return {{}, "the frame's authentication code is wrong"};
  }
  std::uint64_t number = 0;
  Parsed<ControlFrame> result = parse_control_frame(bytes, number);
  if (result && number != sequence) return {{}, "a frame was repeated or lost"};
  return result;
}

}  // namespace lockstep::detail
